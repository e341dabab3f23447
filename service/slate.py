"""Slate: candidates per instruction -> the ordered list that is shown.

A merged list of k items is made in three steps:
1. quotas: every instruction is promised its quota; places are assigned so that as many as possible of the promised
   places are filled, even where instructions compete for the same items (augmenting paths);
2. fill: instructions take turns in their order, each with its best item not yet taken, until k items are found or
   no candidate is left;
3. order: the turns again - every instruction's best item, then every instruction's second best, and so on.
An item appears once. With at least min(k, eligible) candidates per instruction the list has min(k, items eligible for
any instruction) items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Slate:
    """Catalogue rows in the order to show, their scores, and the index of the instruction that chose each.

    Plain lists: for the few dozen places of a slate they are faster than arrays.
    """

    rows: list[int]
    scores: list[float]
    instructions: list[int]

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: int, score: float, instruction: int) -> None:
        """Put an item at the end."""
        self.rows.append(row)
        self.scores.append(score)
        self.instructions.append(instruction)

    @classmethod
    def of(cls, rows: np.ndarray, scores: np.ndarray, instruction: int) -> "Slate":
        """The candidates of one instruction as they are, best first."""
        return cls(rows.tolist(), scores.tolist(), [instruction] * len(rows))


def merge_slate(rows: Sequence[np.ndarray], scores: Sequence[np.ndarray], quotas: Sequence[int], k: int) -> Slate:
    """The merged list. rows, scores: one array per instruction, best first; quotas: 0 for none, at most k in all."""
    if len(rows) == 1 and quotas[0] <= k:
        return Slate.of(rows[0][:k], scores[0][:k], 0)
    ranked, points = [own.tolist() for own in rows], [own.tolist() for own in scores]
    owner = promised_owners(ranked, quotas, k)
    promised = len(owner)
    filled = _fill(ranked, points, owner, k)
    # Without promises the order of filling is the order of turns.
    return _take_turns(ranked, points, owner) if promised else filled


def promised_owners(ranked: Sequence[Sequence[int]], quotas: Sequence[int], k: int) -> dict[int, int]:
    """row -> instruction: a largest assignment of promised places, each instruction preferring its best items.

    ranked: rows per instruction, best first. Raises ValueError for quotas of more than k in all.
    """
    if sum(quotas) > k:
        raise ValueError(f"expected quotas of at most k = {k} in all, got {sum(quotas)}")
    owner: dict[int, int] = {}
    for index, quota in enumerate(quotas):
        for _ in range(quota):
            if not _claim(index, ranked, owner):
                break
    return owner


def _claim(index: int, ranked: Sequence[Sequence[int]], owner: dict[int, int]) -> bool:
    """Give one more place to an instruction, if others can move to make room; breadth first, so moves are few.

    Every instruction is visited once: whoever reaches it first may take any of its candidates.
    """
    came_from: dict[int, tuple[int, int]] = {}  # instruction -> (who wants a place of it, which row)
    waiting, seen = [index], {index}
    for claimant in waiting:
        for row in ranked[claimant]:
            holder = owner.get(row)
            if holder is None:
                while True:
                    owner[row] = claimant
                    if claimant == index:
                        return True
                    claimant, row = came_from[claimant]
            if holder not in seen:
                seen.add(holder)
                came_from[holder] = (claimant, row)
                waiting.append(holder)
    return False


def _fill(ranked: Sequence[Sequence[int]], points: Sequence[Sequence[float]], owner: dict[int, int], k: int) -> Slate:
    """Let the instructions take turns until `owner` has k rows; what they took, in the order of taking."""
    taken = Slate([], [], [])
    active = [(index, zip(own, points[index], strict=True)) for index, own in enumerate(ranked)]
    while active and len(owner) < k:
        exhausted = []
        for index, own in active:
            for row, score in own:
                if row not in owner:
                    owner[row] = index
                    taken.add(row, score, index)
                    break
            else:
                exhausted.append(index)
            if len(owner) == k:
                break
        if exhausted:
            active = [one for one in active if one[0] not in exhausted]
    return taken


def _take_turns(ranked: Sequence[Sequence[int]], points: Sequence[Sequence[float]], owner: Mapping[int, int]) -> Slate:
    turns = [[place for place, row in enumerate(own) if owner.get(row) == index] for index, own in enumerate(ranked)]
    merged = Slate([], [], [])
    for turn in range(max(map(len, turns), default=0)):
        for index, places in enumerate(turns):
            if turn < len(places):
                merged.add(ranked[index][places[turn]], points[index][places[turn]], index)
    return merged
