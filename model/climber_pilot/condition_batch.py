"""ConditionBatch: the conditions of a batch as a table of distinct ones plus an index, ready for the branch layer."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits
from model.condition import Condition, stack_bits


class ConditionTable(NamedTuple):
    """C distinct conditions: their bit sets and, for the learned condition token, their signed values.

    bits: [C, ...]; value_ids, value_weights: [nnz]; offsets: [C].
    """

    bits: ConditionBits
    value_ids: Tensor
    value_weights: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "ConditionTable":
        """The table on a device; itself where it is there already."""
        bits = ConditionBits(*(part.to(device) for part in self.bits))
        return ConditionTable(bits, self.value_ids.to(device), self.value_weights.to(device), self.offsets.to(device))


class ConditionBatch(NamedTuple):
    """table: C conditions; query_condition: [B, Q], the row of the table that each query follows."""

    table: ConditionTable
    query_condition: Tensor

    def to(self, device: torch.device) -> "ConditionBatch":
        """The batch on a device."""
        return ConditionBatch(self.table.to(device), self.query_condition.to(device))

    def query_bits(self) -> ConditionBits:
        """Bit sets per query, [B, Q, ...]."""
        return ConditionBits(*(part[self.query_condition] for part in self.table.bits))


def condition_table(conditions: Sequence[Condition], num_words: int) -> ConditionTable:
    """Required values weigh +1, the values of an any-group share +1, refused values weigh -1."""
    value_ids: list[int] = []
    weights: list[float] = []
    offsets: list[int] = []
    for condition in conditions:
        offsets.append(len(value_ids))
        for group in condition.any_of:
            value_ids.extend(group)
            weights.extend([1.0 / len(group)] * len(group))
        value_ids.extend((*condition.all_of, *condition.none_of))
        weights.extend([1.0] * len(condition.all_of) + [-1.0] * len(condition.none_of))
    return ConditionTable(
        stack_bits(conditions, num_words),
        torch.tensor(value_ids, dtype=torch.int64),
        torch.tensor(weights, dtype=torch.float32),
        torch.tensor(offsets, dtype=torch.int64),
    )
