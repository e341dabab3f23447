"""Slabs: item vectors sorted by attribute value, so that the items of one value are a contiguous block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.catalogue import Catalogue
from model.clusters import Clusters
from model.condition import Condition

# Slabs may hold this many vectors per item on average, over all slab attributes together.
SLAB_COPIES = 4
# More slices than this cost more in small products than one gathered block does.
MAX_SLICES = 8


@dataclass(frozen=True)
class Block:
    """rows int64 [n] and their vectors float32 [n, D], contiguous; ascending, where there are clusters inside each."""

    rows: np.ndarray
    vectors: np.ndarray

    @property
    def num_bytes(self) -> int:
        """Size of both arrays."""
        return self.rows.nbytes + self.vectors.nbytes


class Slabs:
    """One block per value of the slab attributes; an item with two genres stands in two.

    With clusters, the items of a slab stand in the order of their clusters, and the whole catalogue has a slab as well.
    Memory: 4 D + 8 bytes for every (item, value) pair of the slab attributes, and for every item where clustered.
    """

    def __init__(self, whole: Block, rows: np.ndarray, vectors: np.ndarray, ends: np.ndarray) -> None:
        """ends [num_values + 2]: slab v is rows[ends[v] : ends[v + 1]], the last one the whole catalogue or empty."""
        self._by_row = whole.vectors
        self._sorted = Block(rows, vectors)
        self._ends = ends
        self.whole = self._slice(len(ends) - 2) or whole

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        whole: Block,
        attributes: Sequence[str] | None = None,
        clusters: Clusters | None = None,
    ) -> "Slabs":
        """whole: all items. attributes: None takes those whose slabs stay within SLAB_COPIES vectors per item."""
        inside = np.zeros(catalogue.num_values, dtype=bool)
        for name in affordable_attributes(catalogue) if attributes is None else attributes:
            if name not in catalogue.attributes:
                raise ValueError(f"expected slab attributes among {sorted(catalogue.attributes)}, got {name!r}")
            attribute = catalogue.attributes[name]
            inside[attribute.first_value : attribute.first_value + len(attribute.values)] = True
        chosen = inside[catalogue.value_ids]
        values = catalogue.value_ids[chosen]
        rows = np.repeat(whole.rows, np.diff(catalogue.value_offsets))[chosen]
        if clusters is not None:
            values = np.concatenate((values, np.full(len(catalogue), catalogue.num_values)))
            rows = np.concatenate((rows, whole.rows))
            by_cluster = np.argsort(clusters.cluster_of[rows], kind="stable")
            values, rows = values[by_cluster], rows[by_cluster]
        # Stable: inside a slab the order stays what it was.
        order = np.argsort(values, kind="stable")
        rows = rows[order]
        ends = np.searchsorted(values[order], np.arange(catalogue.num_values + 2))
        return cls(whole, rows, whole.vectors[rows], ends)

    @classmethod
    def from_arrays(cls, catalogue: Catalogue, whole: Block, arrays: Mapping[str, np.ndarray]) -> "Slabs":
        """Slabs over arrays that `arrays` gave, nothing copied: they may be memory-mapped, read-only and shared.

        Raises ValueError where they are not of this catalogue's shape.
        """
        rows, vectors, ends = (np.asarray(arrays[name]) for name in ("rows", "vectors", "ends"))
        width = whole.vectors.shape[1]
        if ends.shape != (catalogue.num_values + 2,) or rows.shape != (ends[-1],):
            expected = f"{catalogue.num_values + 2} slab ends and as many rows as they say"
            raise ValueError(f"expected {expected}, got {list(ends.shape)} ends and {list(rows.shape)} rows")
        if vectors.shape != (len(rows), width) or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
            got = f"{vectors.dtype} {list(vectors.shape)}"
            raise ValueError(f"expected contiguous float32 slab vectors of shape [{len(rows)}, {width}], got {got}")
        return cls(whole, rows, vectors, ends)

    def arrays(self) -> dict[str, np.ndarray]:
        """rows int64 [n], vectors float32 [n, D], ends int64 [num_values + 2]: all that `from_arrays` needs."""
        return {"rows": self._sorted.rows, "vectors": self._sorted.vectors, "ends": self._ends}

    def vectors_of(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the vectors of any rows, float32 [n, D]."""
        return self._by_row[rows]

    def of(self, value: int) -> Block | None:
        """The items that have this value; None where its attribute has no slabs."""
        return self._slice(value)

    def union_of(self, condition: Condition) -> tuple[Block, ...]:
        """The slabs whose union the condition is (one value, or any of a few); empty where it is no such union."""
        groups = [*condition.any_of, *((value,) for value in condition.all_of)]
        if condition.none_of or len(groups) != 1 or len(groups[0]) > MAX_SLICES:
            return ()
        slabs = [slab for slab in map(self.of, groups[0]) if slab is not None]
        fits = len(slabs) == len(groups[0]) and sum(len(slab.rows) for slab in slabs) <= len(self.whole.rows)
        return tuple(slabs) if fits else ()

    def superset_of(self, condition: Condition) -> Block:
        """The smallest block that holds every item of the condition."""
        slabs = [slab for slab in map(self.of, condition.all_of) if slab is not None]
        return min(slabs, key=lambda slab: len(slab.rows), default=self.whole)

    def _slice(self, value: int) -> Block | None:
        start, end = self._ends[value], self._ends[value + 1]
        return Block(self._sorted.rows[start:end], self._sorted.vectors[start:end]) if end > start else None


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
