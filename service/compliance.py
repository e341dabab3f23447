"""Compliance: does an item that is about to be shown satisfy its instruction? Asked of every item of every answer.

It is a check of the search, so it shares nothing with it: the flags come from the definition, Catalogue.satisfying.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from model.catalogue import Catalogue
from model.condition import Condition

KEPT_BYTES = 32 * 2**20
# A new condition is asked of all items of a smaller catalogue at once; of a larger one, of the items shown alone.
AT_ONCE_ITEMS = 20_000
UNKNOWN, MISSED, SATISFIED = 0, 1, 2


class Compliance:
    """Per condition one byte per item; the least recently used conditions are dropped above KEPT_BYTES."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: OrderedDict[Condition, bytearray] = OrderedDict()
        self._max_kept = max(8, KEPT_BYTES // max(1, len(catalogue)))

    def flags(self, conditions: Sequence[Condition], chosen_by: Sequence[int], rows: Sequence[int]) -> list[bool]:
        """Which of the rows satisfy their condition; chosen_by: the index of each row's condition."""
        known = [self._known(condition) for condition in conditions]
        found = [known[index][row] for index, row in zip(chosen_by, rows, strict=True)]
        if UNKNOWN in found:
            for index, condition in enumerate(conditions):
                own = [row for row, chooser in zip(rows, chosen_by, strict=True) if chooser == index]
                self._learn(condition, known[index], own)
            found = [known[index][row] for index, row in zip(chosen_by, rows, strict=True)]
        return [flag == SATISFIED for flag in found]

    def _known(self, condition: Condition) -> bytearray:
        known = self._kept.get(condition)
        if known is None:
            if len(self._kept) >= self._max_kept:
                self._kept.popitem(last=False)
            known = self._kept[condition] = bytearray(len(self._catalogue))
        self._kept.move_to_end(condition)
        return known

    def _learn(self, condition: Condition, known: bytearray, rows: Sequence[int]) -> None:
        if all(known[row] != UNKNOWN for row in rows):
            return
        everything = len(known) <= AT_ONCE_ITEMS
        asked = np.arange(len(known)) if everything else np.array(rows, dtype=np.int64)
        satisfied = self._catalogue.satisfying(condition, None if everything else asked)
        np.frombuffer(known, dtype=np.uint8)[asked] = np.where(satisfied, SATISFIED, MISSED)
