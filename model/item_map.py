"""Item map: items laid out in the unit square, near where they are alike, every part of it used alike.

Columns of even size by the first principal axis, rows within them by the second; then pairs of items change places
where that brings both nearer to the mean of their new neighbourhood, in neighbourhoods that shrink from a
quarter of the map to the next cell (the idea of self-sorting maps, Strong and Gong 2014, and of Barthel et al. 2023).
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

FORMAT = 1
ROUNDS = 16
SHRINK = 0.75
PRINCIPAL_WIDTH = 32


@dataclass(frozen=True)
class ItemMap:
    """rows: int64 [M] catalogue rows; places: float64 [M, 2], 0 to 1; version: of layout and vectors together."""

    rows: np.ndarray
    places: np.ndarray
    version: str

    def nearest(self, place: tuple[float, float], top_k: int) -> tuple[np.ndarray, np.ndarray]:
        """The entries nearest to a place and their distances, nearest first; ties in the order of the map."""
        distances = np.linalg.norm(self.places - np.asarray(place), axis=1)
        order = np.argsort(distances, kind="stable")[:top_k]
        return order, distances[order]


def lay_out(vectors: np.ndarray, rows: np.ndarray, seed: int = 0) -> ItemMap:
    """The map of vectors [M, D], entry by entry those of the catalogue `rows` [M]; alike for alike arguments."""
    if len(vectors) != len(rows) or not len(rows):
        raise ValueError(f"expected as many vectors as rows, at least one, got {len(vectors)} and {len(rows)}")
    vectors = np.asarray(vectors, dtype=np.float32)
    digest = hashlib.sha256(f"{FORMAT} {seed} {vectors.shape}".encode())
    digest.update(np.ascontiguousarray(vectors).tobytes())
    digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    principal = _principal(unit)
    grid = _Grid.of(principal)
    random = np.random.default_rng(seed)
    radius = max(1.0, grid.side / 4)
    while radius >= 1:
        grid.settle(principal, round(radius), random)
        radius *= SHRINK
    return ItemMap(np.asarray(rows, dtype=np.int64), grid.places(), digest.hexdigest()[:16])


def _principal(unit: np.ndarray) -> np.ndarray:
    """Coordinates [M, up to 32] on the principal axes: what is left out hardly tells neighbours from others."""
    centred = unit - unit.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    kept = np.argsort(-values, kind="stable")[:PRINCIPAL_WIDTH]
    # The sign of an axis is arbitrary; a fixed one makes the map the same everywhere.
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.ascontiguousarray(centred @ (axes * signs)[:, kept])


@dataclass
class _Grid:
    """Which item lies where. column, row: int64 [M] of slot s; item: int64 [M], the item on it; sizes: of columns."""

    side: int
    column: np.ndarray
    row: np.ndarray
    item: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, principal: np.ndarray) -> "_Grid":
        size = len(principal)
        side = math.ceil(math.sqrt(size))
        columns = np.array_split(np.argsort(principal[:, 0], kind="stable"), side)
        second = principal[:, min(1, principal.shape[1] - 1)]
        item = np.concatenate([own[np.argsort(second[own], kind="stable")] for own in columns])
        sizes = np.array([len(own) for own in columns])
        column = np.repeat(np.arange(side), sizes)
        row = np.arange(size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return cls(side, column, row, item, sizes)

    def places(self) -> np.ndarray:
        """[M, 2] by item."""
        found = np.empty((len(self.item), 2))
        found[self.item, 0] = (self.column + 0.5) / self.side
        found[self.item, 1] = (self.row + 0.5) / self.sizes[self.column]
        return found

    def settle(self, vectors: np.ndarray, radius: int, random: np.random.Generator) -> None:
        """Let neighbours within `radius` change places, ROUNDS times."""
        for _ in range(ROUNDS):
            wanted = self._neighbourhoods(vectors, radius)
            first, second = self._pairs(radius, random)
            gain = (vectors[self.item[first]] - vectors[self.item[second]]) * (wanted[second] - wanted[first])
            better = gain.sum(axis=1) > 0
            first, second = first[better], second[better]
            self.item[first], self.item[second] = self.item[second], self.item[first]

    def _neighbourhoods(self, vectors: np.ndarray, radius: int) -> np.ndarray:
        """[M, D]: the mean vector of the slots within `radius` of each slot."""
        height = int(self.sizes.max())
        sums = np.zeros((self.side, height, vectors.shape[1] + 1), dtype=np.float32)
        sums[self.column, self.row, :-1] = vectors[self.item]
        sums[self.column, self.row, -1] = 1
        for axis in (0, 1):
            sums = _box(sums, radius, axis)
        found = sums[self.column, self.row]
        return found[:, :-1] / found[:, -1:]

    def _pairs(self, radius: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Slots [P] and [P], two by two from the same random block of the grid, no slot twice."""
        block = 2 * radius
        offsets = random.integers(block, size=2)
        key = (self.column + offsets[0]) // block * (self.side + block) + (self.row + offsets[1]) // block
        order = np.lexsort((random.random(len(key)), key))
        first, second = order[:-1:2], order[1::2]
        same = key[first] == key[second]
        return first[same], second[same]


def _box(values: np.ndarray, radius: int, axis: int) -> np.ndarray:
    """Sums over the window of `radius` on both sides along an axis."""
    size = values.shape[axis]
    padded = np.concatenate((np.zeros_like(values.take([0], axis=axis)), np.cumsum(values, axis=axis)), axis=axis)
    low, high = np.maximum(np.arange(size) - radius, 0), np.minimum(np.arange(size) + radius + 1, size)
    return padded.take(high, axis=axis) - padded.take(low, axis=axis)
