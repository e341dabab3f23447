"""Geometry: how two boxes lie to one another, in 15 numbers."""

import numpy as np

WIDTH = 15
# Keeps the logarithms of flat boxes finite; far below a pixel.
_SMALLEST = 1e-4


def pair_geometry(subjects: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Boxes [R, 4] and [R, 4] in 0..1, row by row -> [R, 15] float32.

    The two boxes; the step from centre to centre in sides of the subject, cut at 10; log ratios of the sides; the
    intersection as a share of the union, of the subject and of the object.
    """
    sides = np.maximum(subjects[:, 2:] - subjects[:, :2], _SMALLEST)
    other_sides = np.maximum(objects[:, 2:] - objects[:, :2], _SMALLEST)
    step = (objects[:, :2] + objects[:, 2:] - subjects[:, :2] - subjects[:, 2:]) / 2 / sides
    low = np.maximum(subjects[:, :2], objects[:, :2])
    shared = np.prod(np.clip(np.minimum(subjects[:, 2:], objects[:, 2:]) - low, 0, None), axis=1)
    area, other_area = np.prod(sides, axis=1), np.prod(other_sides, axis=1)
    shares = np.stack([shared / (area + other_area - shared), shared / area, shared / other_area], axis=1)
    numbers = [subjects, objects, np.clip(step, -10, 10), np.log(other_sides / sides), shares]
    return np.concatenate(numbers, axis=1).astype(np.float32)
