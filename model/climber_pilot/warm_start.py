"""Warm start: weights that were trained over one catalogue, carried over to another.

Three tables have a row per thing of the catalogue: a bucket of hashed ids, a value of an attribute, a bucket of title
words. Rows go with what they stand for; everything else of a network does not know the catalogue. What was never seen
starts as what is usual: a new item is its attributes plus the mean row of the ids.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.item_encoder import used_id_buckets, used_word_buckets
from model.climber_pilot.network import ClimberPilot

ID_TABLE = "items.id_embedding.weight"
VALUE_TABLE = "items.value_embedding.weight"
WORD_TABLE = "items.word_embedding.weight"
CONDITION_TABLE = "condition_values.weight"


def carried_weights(
    config: NetworkConfig, before: Catalogue, after: Catalogue, weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of a network, or of each of several towers, over another catalogue.

    Raises ValueError where the attributes are others: they are parts of the network, their values are not.
    """
    if list(before.attributes) != list(after.attributes):
        raise ValueError(f"expected the attributes {list(before.attributes)}, got {list(after.attributes)}")
    keys = {
        ID_TABLE: [used_id_buckets(config, one)[0].tolist() for one in (before, after)],
        WORD_TABLE: [
            used_word_buckets(config, one).tolist() if config.title_buckets else [] for one in (before, after)
        ],
        VALUE_TABLE: [_values(before), _values(after)],
        CONDITION_TABLE: [_values(before), _values(after)],
    }
    carried = {}
    for name, table in weights.items():
        kind = next((kind for kind in keys if name.endswith(kind)), None)
        if kind is not None:
            old, new = keys[kind]
            table = _carried(table, old, new, _unseen(kind, table, before, after, len(new)))
        carried[name] = table
    return carried


def begin_with(model: ClimberPilot, weights: Mapping[str, Tensor]) -> None:
    """Load weights over the model's catalogue; its clock keeps the periods that it will be trained on.

    Raises ValueError where they are of another network.
    """
    periods = None if model.clock is None else model.clock.trained_periods.clone()
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise ValueError(f"expected weights of this configuration and catalogue: {error}") from None
    if model.clock is not None and periods is not None:
        model.clock.trained_periods.copy_(periods)


def _values(catalogue: Catalogue) -> list[tuple[str, str]]:
    """(attribute, value) in the order of their bit numbers."""
    return [(attribute.name, value) for attribute in catalogue.attributes.values() for value in attribute.values]


def _unseen(kind: str, table: Tensor, before: Catalogue, after: Catalogue, count: int) -> Tensor:
    """What each row of a table over the other catalogue is where it was never seen, [count, D]."""
    if kind == CONDITION_TABLE:
        # Tuning adds to the item's embedding of a value; to a new one it has added nothing yet.
        return torch.zeros(count, table.shape[1])
    if kind != VALUE_TABLE:
        return table.mean(0).expand(count, -1)
    rows = []
    for name, attribute in after.attributes.items():
        known = before.attributes[name]
        own = table[known.first_value : known.first_value + len(known.values)]
        usual = own.mean(0) if len(own) else torch.zeros(table.shape[1])
        rows.append(usual.expand(len(attribute.values), -1))
    return torch.cat(rows) if rows else table[:0]


def _carried(table: Tensor, before: Sequence[Hashable], after: Sequence[Hashable], unseen: Tensor) -> Tensor:
    """Row i of the result is the row of after[i] in the table, or unseen[i] where the table has none."""
    row_of = {key: row for row, key in enumerate(before)}
    rows = np.array([row_of.get(key, -1) for key in after], dtype=np.int64)
    if not len(rows):
        return table[:1]  # of an empty table there is one row, which nothing reads
    known = torch.from_numpy(rows >= 0)[:, None]
    return torch.where(known, table[torch.from_numpy(rows.clip(0))], unseen).contiguous()
