"""CatalogueChange: does an id still mean the same item, and which values of attributes are gone?"""

from dataclasses import dataclass

import numpy as np

from model.catalogue import Catalogue
from model.climber_pilot.inference import Retriever

COMPARED_ITEMS, NEIGHBOURS = 500, 10
VANISHED_SHARE = 0.5
"""A value that fewer items than this share of those before still have counts as gone."""


@dataclass(frozen=True)
class CatalogueChange:
    """shared: share of the old items that are still there.

    same_attributes: mean share of an item's values, old and new together, that it has in both.
    same_neighbours: mean share of an item's nearest NEIGHBOURS that it keeps, less what chance gives.
    lost_values: of the instructable attribute that fares worst, the share of its items' values that are gone.
    """

    shared: float
    same_attributes: float
    same_neighbours: float
    lost_values: float


def catalogue_change(old: Retriever, new: Retriever) -> CatalogueChange:
    """From the release in force to the next one."""
    before, after = old.catalogue, new.catalogue
    shared = [item_id for item_id in before.item_ids if item_id in after.row_of]
    share = len(shared) / max(1, len(before))
    lost = max((_lost(before, after, name) for name in old.instructable), default=0.0)
    if not shared:
        return CatalogueChange(share, 0.0, 0.0, lost)
    chosen = np.random.default_rng(0).permutation(len(shared))[:COMPARED_ITEMS]
    rows = [(before.row_of[shared[place]], after.row_of[shared[place]]) for place in chosen]
    same = [_agreement(before.describe(mine), after.describe(theirs)) for mine, theirs in rows]
    mine, theirs = np.array(rows).T
    return CatalogueChange(share, float(np.mean(same)), _same_neighbours(old.vectors[mine], new.vectors[theirs]), lost)


def _agreement(before: dict[str, list[str]], after: dict[str, list[str]]) -> float:
    """Of the attributes that both know of the item."""
    names = before.keys() & after.keys()
    mine = {(name, value) for name in names for value in before[name]}
    theirs = {(name, value) for name in names for value in after[name]}
    return len(mine & theirs) / len(mine | theirs) if names else 1.0


def _same_neighbours(before: np.ndarray, after: np.ndarray) -> float:
    """before, after: vectors [N, D] of the same items."""
    count = len(before)
    if count <= 2 * NEIGHBOURS:
        return 1.0  # too few to tell
    nearest = []
    for vectors in (before, after):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        nearest.append(np.argpartition(scores, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:])
    kept = [len(np.intersect1d(old, new, assume_unique=True)) for old, new in zip(*nearest, strict=True)]
    chance = NEIGHBOURS / (count - 1)
    return (float(np.mean(kept)) / NEIGHBOURS - chance) / (1 - chance)


def _lost(before: Catalogue, after: Catalogue, name: str) -> float:
    counts, left = _counts(before, name), _counts(after, name)
    gone = sum(count for value, count in counts.items() if left.get(value, 0) < VANISHED_SHARE * count)
    return gone / max(1, sum(counts.values()))


def _counts(catalogue: Catalogue, name: str) -> dict[str, int]:
    attribute = catalogue.attributes.get(name)
    if attribute is None:
        return {}
    own = np.bincount(catalogue.value_ids, minlength=catalogue.num_values)
    counts = own[attribute.first_value : attribute.first_value + len(attribute.values)]
    return dict(zip(attribute.values, counts.tolist(), strict=True))
