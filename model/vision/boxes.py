"""Boxes: [K, 4] rows of x0 y0 x1 y1, and what can be said of them."""

import numpy as np


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Areas of the intersections of all pairs: [K, 4], [M, 4] -> [K, M]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    return sides[..., 0] * sides[..., 1]


def areas(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] -> [...]; 0 for a box that is turned inside out."""
    sides = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return sides[..., 0] * sides[..., 1]


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of all pairs: [K, 4], [M, 4] -> [K, M]; 0 where both are empty."""
    shared = overlaps(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def suppress(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, threshold: float) -> np.ndarray:
    """Non-maximum suppression within each class: the rows that stay, best first; ties by row.

    A box goes where a better one of its class covers it by more than `threshold` of their union.
    """
    order = np.argsort(-scores, kind="stable")
    rivals = (iou(boxes, boxes) > threshold) & (classes[:, None] == classes[None, :])
    kept: list[int] = []
    gone = np.zeros(len(boxes), bool)
    for row in order:
        if not gone[row]:
            kept.append(int(row))
            gone |= rivals[row]
    return np.array(kept, np.int64)


def grid_cells(count: int) -> np.ndarray:
    """The first `count` of a fixed list of boxes: the whole image, 9 of half its sides, 16 of a quarter, 25 of a third.

    [count, 4] in 0..1, windows of one size spread evenly. Raises ValueError beyond the 51 that there are.
    """
    cells = np.concatenate([_windows(side, number) for side, number in ((1.0, 1), (0.5, 3), (0.25, 4), (1 / 3, 5))])
    if count > len(cells):
        raise ValueError(f"expected at most {len(cells)} grid cells, got {count}")
    return cells[:count].astype(np.float32)


def _windows(side: float, number: int) -> np.ndarray:
    starts = np.linspace(0, 1 - side, number)
    top, left = np.meshgrid(starts, starts, indexing="ij")
    return np.stack([left, top, left + side, top + side], axis=-1).reshape(-1, 4)
