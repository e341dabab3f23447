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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choice:
    """One place of a slate: a catalogue row, its score, and the index of the instruction that chose it."""

    row: int
    score: float
    instruction: int


def merge_slate(
    rows: Sequence[np.ndarray], scores: Sequence[np.ndarray], quotas: Sequence[int], k: int
) -> list[Choice]:
    """The merged list. rows, scores: one array per instruction, best first; quotas: 0 for none, at most k in all."""
    if sum(quotas) > k:
        raise ValueError(f"expected quotas of at most k = {k} in all, got {sum(quotas)}")
    ranked = [list(map(int, own)) for own in rows]
    owner = _fill(ranked, _promise(ranked, quotas), k)
    taken: list[list[Choice]] = []
    for index, own in enumerate(ranked):
        pairs = zip(own, scores[index], strict=True)
        taken.append([Choice(row, float(score), index) for row, score in pairs if owner.get(row) == index])
    return _take_turns(taken)


def _promise(ranked: Sequence[Sequence[int]], quotas: Sequence[int]) -> dict[int, int]:
    """row -> instruction: a largest assignment of promised places, each instruction preferring its best items."""
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


def _fill(ranked: Sequence[Sequence[int]], owner: dict[int, int], k: int) -> dict[int, int]:
    position = [0] * len(ranked)
    active = list(range(len(ranked)))
    while active and len(owner) < k:
        for index in list(active):
            own = ranked[index]
            while position[index] < len(own) and own[position[index]] in owner:
                position[index] += 1
            if position[index] == len(own):
                active.remove(index)
            elif len(owner) < k:
                owner[own[position[index]]] = index
    return owner


def _take_turns(taken: Sequence[Sequence[Choice]]) -> list[Choice]:
    longest = max(map(len, taken), default=0)
    return [own[turn] for turn in range(longest) for own in taken if turn < len(own)]
