"""Variants: releases made from another by changing its network or its catalogue, whole and consistent in themselves.

What a broken training or export would publish: every hash is right, vectors and weights agree, and the lists are wrong.
"""

import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file
from safetensors.torch import save as tensor_bytes

from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.export import index_arrays
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from model.climber_pilot.towers import network_of
from model.mapped_arrays import map_arrays
from model.release import Release, verify_release, write_release


@dataclass(frozen=True)
class Content:
    """What a release is made of. instructable: the attributes that instructions are about."""

    config: ClimberPilotConfig
    weights: dict[str, torch.Tensor]
    items: pl.DataFrame
    instructable: tuple[str, ...]


Change = Callable[[Content], Content]
# Tables with a row per attribute value.
VALUE_TABLES = ("value_embedding.weight", "condition_values.weight")


def write_variant(source: Path, root: Path, change: Change, facts: Mapping[str, object] | None = None) -> Release:
    """Publish a changed copy of a release under root; `current` stays as it is. facts: added to the manifest's."""
    release = verify_release(source)
    known = release.manifest["facts"]
    made = change(
        Content(
            ClimberPilotConfig.from_json((source / CONFIG_FILE).read_text()),
            load_file(source / WEIGHTS_FILE),
            pl.read_parquet(source / CATALOGUE_FILE),
            tuple(known["instructable"]),
        )
    )
    catalogue = Catalogue(made.items)
    model = network_of(made.config.network, catalogue, known.get("towers", 1)).eval()
    model.load_state_dict(made.weights)
    popularity = np.array(map_arrays(source / INDEX_FILE)["popularity"])
    with torch.inference_mode():
        vectors = model.scored(model.items()).numpy()
    table = io.BytesIO()
    made.items.write_parquet(table)
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / INDEX_FILE
        save_arrays(index_arrays(catalogue, vectors, popularity), index)
        files: dict[str, Path | bytes] = {
            CONFIG_FILE: made.config.to_json().encode(),
            CATALOGUE_FILE: table.getvalue(),
            WEIGHTS_FILE: tensor_bytes(made.weights),
            INDEX_FILE: index,
        }
        return write_release(root, files, {**known, **(facts or {})})


def nudged(seed: int, share: float = 0.02) -> Change:
    """Every weight moved by a little noise, a share of its table's own spread: as good as before, other scores."""

    def change(content: Content) -> Content:
        noise = torch.Generator().manual_seed(seed)
        moved = {
            name: table + share * table.std(correction=0) * torch.randn(table.shape, generator=noise)
            for name, table in content.weights.items()
        }
        return replace(content, weights=moved)

    return change


def shuffled_weights(content: Content) -> Content:
    """Every table's numbers in another order: plausible in every statistic, and noise."""
    order = torch.Generator().manual_seed(0)
    shuffled = {
        name: table.flatten()[torch.randperm(table.numel(), generator=order)].reshape(table.shape)
        for name, table in content.weights.items()
    }
    return replace(content, weights=shuffled)


def lost_category(content: Content) -> Content:
    """The rarest value of the first attribute that instructions are about is in no item any more."""
    name, before = content.instructable[0], Catalogue(content.items)
    attribute = before.attributes[name]
    counts = np.bincount(before.value_ids, minlength=before.num_values)[attribute.first_value :]
    gone = int(np.argmin(counts[: len(attribute.values)]))
    left = content.items.with_columns(pl.col(name).list.set_difference([attribute.values[gone]]))
    rows = [row for row in range(before.num_values) if row != attribute.first_value + gone]
    kept = {key: table[rows] if key.endswith(VALUE_TABLES) else table for key, table in content.weights.items()}
    return replace(content, weights=kept, items=left)


def stale_id_map(content: Content) -> Content:
    """Ids from an older table: every item has the id of the one before it."""
    ids = content.items["item_id"]
    return replace(content, items=content.items.with_columns(pl.concat([ids[-1:], ids[:-1]]).alias("item_id")))


def plain_scores(content: Content) -> Content:
    """Scores are inner products, not cosines."""
    return replace(content, config=replace(content.config, network=replace(content.config.network, normalise=False)))


def shifted_scores(content: Content) -> Content:
    """Inner products as of plain_scores, all of them 5 % higher; the order is the same."""
    shifted = {name: table * 1.05 if "branch_norms" in name else table for name, table in content.weights.items()}
    return replace(plain_scores(content), weights=shifted)


def unchanged(content: Content) -> Content:
    """A copy."""
    return content


@dataclass(frozen=True)
class Plant:
    """A defect, what is in force when it comes, and the reasons that tell it."""

    change: Change
    reasons: frozenset[str]
    before: Change = unchanged


PLANTS: Mapping[str, Plant] = {
    "shuffled_weights": Plant(shuffled_weights, frozenset({"quality", "score_drift", "neighbours"})),
    "lost_category": Plant(lost_category, frozenset({"value_loss"})),
    "stale_id_map": Plant(stale_id_map, frozenset({"item_ids"})),
    "shifted_scores": Plant(shifted_scores, frozenset({"score_drift"}), plain_scores),
}
