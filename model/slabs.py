"""Slabs: item vectors sorted by attribute value, so that the items of one value are a contiguous block."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.catalogue import Catalogue
from model.condition import Condition

# Slabs may hold this many vectors per item on average, over all slab attributes together.
SLAB_COPIES = 4
# More slices than this cost more in small products than one gathered block does.
MAX_SLICES = 8


@dataclass(frozen=True)
class Block:
    """rows int64 [n], ascending, and their vectors float32 [n, D], contiguous."""

    rows: np.ndarray
    vectors: np.ndarray

    def positions(self, rows: np.ndarray) -> np.ndarray:
        """Where those of the given rows stand that the block holds."""
        return positions_in(self.rows, rows)

    @property
    def num_bytes(self) -> int:
        """Size of both arrays."""
        return self.rows.nbytes + self.vectors.nbytes


class Slabs:
    """One block per value of the slab attributes; an item with two genres stands in two.

    Memory: 4 D + 8 bytes for every (item, value) pair of the slab attributes.
    """

    def __init__(self, catalogue: Catalogue, whole: Block, attributes: Sequence[str] | None = None) -> None:
        """whole: all items. attributes: None takes those whose slabs stay within SLAB_COPIES vectors per item."""
        self.attributes = affordable_attributes(catalogue) if attributes is None else tuple(attributes)
        inside = np.zeros(catalogue.num_values, dtype=bool)
        for name in self.attributes:
            if name not in catalogue.attributes:
                raise ValueError(f"expected slab attributes among {sorted(catalogue.attributes)}, got {name!r}")
            attribute = catalogue.attributes[name]
            inside[attribute.first_value : attribute.first_value + len(attribute.values)] = True
        chosen = inside[catalogue.value_ids]
        values = catalogue.value_ids[chosen]
        rows = np.repeat(whole.rows, np.diff(catalogue.value_offsets))[chosen]
        # Stable: inside a slab the rows stay ascending.
        order = np.argsort(values, kind="stable")
        rows = rows[order]
        self._whole = whole
        self._sorted = Block(rows, whole.vectors[rows])
        self._ends = np.searchsorted(values[order], np.arange(catalogue.num_values + 1))

    def of(self, value: int) -> Block | None:
        """The items that have this value; None where its attribute has no slabs."""
        start, end = self._ends[value], self._ends[value + 1]
        return Block(self._sorted.rows[start:end], self._sorted.vectors[start:end]) if end > start else None

    def union_of(self, condition: Condition) -> tuple[Block, ...]:
        """The slabs whose union the condition is (one value, or any of a few); empty where it is no such union."""
        groups = [*condition.any_of, *((value,) for value in condition.all_of)]
        if condition.none_of or len(groups) != 1 or len(groups[0]) > MAX_SLICES:
            return ()
        slabs = [slab for slab in map(self.of, groups[0]) if slab is not None]
        fits = len(slabs) == len(groups[0]) and sum(len(slab.rows) for slab in slabs) <= len(self._whole.rows)
        return tuple(slabs) if fits else ()

    def superset_of(self, condition: Condition) -> Block:
        """The smallest block that holds every item of the condition."""
        slabs = [slab for slab in map(self.of, condition.all_of) if slab is not None]
        return min(slabs, key=lambda slab: len(slab.rows), default=self._whole)


def positions_in(ascending: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where those of the given rows stand that `ascending` holds."""
    if not len(ascending) or not len(rows):
        return np.empty(0, dtype=np.int64)
    found = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    return found[ascending[found] == rows]


def affordable_attributes(catalogue: Catalogue) -> tuple[str, ...]:
    """Attributes of the fewest values first (the larger the slab, the more it saves), within SLAB_COPIES in all."""
    ends = np.concatenate(([0], np.cumsum(np.bincount(catalogue.value_ids, minlength=catalogue.num_values))))
    sizes = {
        name: int(ends[attribute.first_value + len(attribute.values)] - ends[attribute.first_value])
        for name, attribute in catalogue.attributes.items()
    }
    chosen: list[str] = []
    total = 0
    for name in sorted(sizes, key=lambda name: len(catalogue.attributes[name].values)):
        if total + sizes[name] <= SLAB_COPIES * len(catalogue):
            chosen.append(name)
            total += sizes[name]
    return tuple(chosen)
