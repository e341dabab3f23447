"""Fingerprint: 64 bits that survive resizing and recompression, to tell one cover on many pressings."""

from collections.abc import Sequence

import faiss
import numpy as np

BITS = 64
_SIDE = 8
_LUMA = np.array([0.299, 0.587, 0.114])
# Two scans of one cover differ in a few bits; a picture of one colour has none, so the vectors have to agree as well.
MAX_DISTANCE = 3
MIN_COSINE = 0.95
SEARCHED_AT_ONCE = 4_096


def fingerprint(pixels: np.ndarray) -> int:
    """The difference hash of an RGB image [H, W, 3]: is a cell of the 8 x 9 mean picture darker than its right one?

    ValueError where the image has fewer pixels than cells.
    """
    height, width = pixels.shape[:2]
    if height < _SIDE or width <= _SIDE:
        raise ValueError(f"expected at least {_SIDE + 1} x {_SIDE} pixels, got {width} x {height}")
    rows, columns = np.arange(_SIDE) * height // _SIDE, np.arange(_SIDE + 1) * width // (_SIDE + 1)
    grey = pixels.astype(np.float64) @ _LUMA
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    heights, widths = np.diff([*rows, height]), np.diff([*columns, width])
    cells = sums / np.outer(heights, widths)
    bits = np.packbits((cells[:, 1:] > cells[:, :-1]).ravel())
    return int.from_bytes(bits.tobytes(), "big")


def distances(fingerprints: np.ndarray, one: int) -> np.ndarray:
    """int [V]: bits in which fingerprints uint64 [V] differ from one."""
    return np.bitwise_count(fingerprints ^ np.uint64(one))


def same_covers(fingerprints: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """int64 [V]: for each cover the first row that shows the same picture, its own where it is the first.

    fingerprints: uint64 [V]; vectors: float32 [V, d] of norm 1. Same: both within MAX_DISTANCE bits and MIN_COSINE,
    directly or through a third one.
    """
    unique, inverse = np.unique(fingerprints, return_inverse=True)
    members: Sequence[np.ndarray] = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    first = np.arange(len(fingerprints))
    for left, right in _near_pairs(unique):
        for row in members[left].tolist():
            others = members[right]
            others = others[(others > row) if left == right else (others != row)]
            for other in others[vectors[others] @ vectors[row] >= MIN_COSINE].tolist():
                _unite(first, row, other)
    return np.array([_root(first, row) for row in range(len(first))], dtype=np.int64)


def _near_pairs(unique: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of positions, each with itself too, whose fingerprints are within MAX_DISTANCE."""
    if not len(unique):
        return []
    codes = np.ascontiguousarray(unique.astype(">u8")).view(np.uint8).reshape(-1, BITS // 8)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(codes)
    pairs = []
    for start in range(0, len(codes), SEARCHED_AT_ONCE):
        # FAISS takes what is nearer than the radius, not what is as near.
        ends, _, found = index.range_search(codes[start : start + SEARCHED_AT_ONCE], MAX_DISTANCE + 1)
        left = start + np.repeat(np.arange(len(ends) - 1), (ends[1:] - ends[:-1]).astype(np.int64))
        pairs += [(int(one), int(other)) for one, other in zip(left, found, strict=True) if one <= other]
    return pairs


def _root(first: np.ndarray, row: int) -> int:
    while first[row] != row:
        first[row] = row = first[first[row]]
    return int(row)


def _unite(first: np.ndarray, row: int, other: int) -> None:
    low, high = sorted((_root(first, row), _root(first, other)))
    first[high] = low
