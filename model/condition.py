"""Condition: a predicate on items, any / all / none over attribute values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kernels.guided_attention.predicate import ConditionBits

OPERATORS = ("any", "all", "none")
WORD_BITS = 64


class ConditionError(ValueError):
    """A condition that the catalogue cannot read; `code` is stable, `path` names the offending field."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


@dataclass(frozen=True)
class Condition:
    """A conjunction of clauses over value ids (bit numbers of the catalogue's vocabulary); canonical and hashable.

    any_of: at least one value of every group; all_of: every value; none_of: no value. The empty condition is true.
    """

    any_of: tuple[tuple[int, ...], ...] = ()
    all_of: tuple[int, ...] = ()
    none_of: tuple[int, ...] = ()

    @classmethod
    def build(
        cls, any_of: Iterable[Iterable[int]] = (), all_of: Iterable[int] = (), none_of: Iterable[int] = ()
    ) -> "Condition":
        """The canonical form: sorted, without duplicates; a group of one value is an all-clause."""
        groups = {tuple(sorted(set(group))) for group in any_of}
        required = set(all_of) | {group[0] for group in groups if len(group) == 1}
        return cls(
            any_of=tuple(sorted(group for group in groups if len(group) > 1)),
            all_of=tuple(sorted(required)),
            none_of=tuple(sorted(set(none_of))),
        )

    @classmethod
    def of(cls, value: int) -> "Condition":
        """Items that have this one value."""
        return cls(all_of=(value,))

    def __bool__(self) -> bool:
        return bool(self.any_of or self.all_of or self.none_of)

    def __and__(self, other: "Condition") -> "Condition":
        return Condition.build(
            (*self.any_of, *other.any_of), (*self.all_of, *other.all_of), (*self.none_of, *other.none_of)
        )

    @cached_property
    def mentioned(self) -> frozenset[int]:
        """Every value id that the condition speaks of."""
        return frozenset(self.all_of) | frozenset(self.none_of) | frozenset(v for g in self.any_of for v in g)

    def contradiction(self) -> str | None:
        """Why no item can ever satisfy it, as far as the clauses alone tell; None if nothing speaks against it."""
        refused = set(self.none_of)
        if refused & set(self.all_of):
            return "a value is both required and refused"
        if any(set(group) <= refused for group in self.any_of):
            return "every value of an any-clause is refused"
        return None


def pack_words(values: Iterable[int], num_words: int) -> np.ndarray:
    """Value ids as a bit set: int64 [num_words]."""
    words = np.zeros(num_words, dtype=np.uint64)
    for value in values:
        words[value // WORD_BITS] |= np.uint64(1) << np.uint64(value % WORD_BITS)
    return words.view(np.int64)


def stack_bits(conditions: Sequence[Condition], num_words: int) -> ConditionBits:
    """C conditions as one batch: any_of [C, G, W] (padded to the most groups), all_of and none_of [C, W]."""
    num_groups = max((len(condition.any_of) for condition in conditions), default=0) or 1
    any_of = np.zeros((len(conditions), num_groups, num_words), dtype=np.int64)
    all_of = np.zeros((len(conditions), num_words), dtype=np.int64)
    none_of = np.zeros((len(conditions), num_words), dtype=np.int64)
    for row, condition in enumerate(conditions):
        for column, group in enumerate(condition.any_of):
            any_of[row, column] = pack_words(group, num_words)
        all_of[row] = pack_words(condition.all_of, num_words)
        none_of[row] = pack_words(condition.none_of, num_words)
    return ConditionBits(torch.from_numpy(any_of), torch.from_numpy(all_of), torch.from_numpy(none_of))


Where = Mapping[str, Mapping[str, Sequence[str]]]
"""The client's form of a condition: {"genre": {"any": ["rock", "indie"]}, "explicit": {"none": ["yes"]}}."""
