"""Measures of a cursor and of its map: jitter, lag, even use, neighbours kept."""

import numpy as np

CELLS = 20
NEIGHBOURS = 15
LONGEST_LAG_S, LAG_STEP_S = 0.5, 0.005


def jitter(paths: list[np.ndarray]) -> float:
    """Root mean square of the second differences of paths [T, 2], over frames and axes, in widths of the map."""
    bends = np.concatenate([np.diff(path, n=2, axis=0) for path in paths])
    return float(np.sqrt(np.mean(bends**2)))


def lag_s(before: list[np.ndarray], after: list[np.ndarray], times_s: list[np.ndarray]) -> float:
    """How much later paths [T, 2] come out of a filter: the delay of those that went in that fits them best."""
    delays = np.arange(0, LONGEST_LAG_S + LAG_STEP_S, LAG_STEP_S)
    errors, counted = np.zeros(len(delays)), 0
    for source, shown, time_s in zip(before, after, times_s, strict=True):
        late = time_s > time_s[0] + LONGEST_LAG_S
        for axis in (0, 1):
            for number, delay_s in enumerate(delays):
                delayed = np.interp(time_s[late] - delay_s, time_s, source[:, axis])
                errors[number] += np.sum((shown[late, axis] - delayed) ** 2)
        counted += int(late.sum())
    if not counted:
        raise ValueError(f"expected a path longer than {LONGEST_LAG_S} s, got none")
    return float(delays[np.argmin(errors)])


def cells_used(places: np.ndarray) -> float:
    """Share of the 20 x 20 cells of the unit square that places [N, 2] lie in."""
    cells = np.clip((places * CELLS).astype(np.int64), 0, CELLS - 1)
    return len(np.unique(cells[:, 0] * CELLS + cells[:, 1])) / CELLS**2


def trustworthiness(vectors: np.ndarray, places: np.ndarray) -> float:
    """Venna and Kaski 2001, k = 15: 1 where all neighbours on the map [N, 2] are neighbours of the vectors [N, D]."""
    size = len(vectors)
    if size < 3 * NEIGHBOURS:
        raise ValueError(f"expected at least {3 * NEIGHBOURS} vectors, got {size}")
    rank = np.argsort(np.argsort(_distances(vectors), axis=1), axis=1)
    near = np.argsort(_distances(places), axis=1)[:, :NEIGHBOURS]
    # The vector itself has the last rank: its distance is infinite.
    intruders = np.take_along_axis(rank, near, axis=1) + 1 - NEIGHBOURS
    penalty = np.maximum(intruders, 0).sum()
    return float(1 - 2 / (size * NEIGHBOURS * (2 * size - 3 * NEIGHBOURS - 1)) * penalty)


def _distances(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    square = (vectors**2).sum(axis=1)
    distances = square[:, None] + square[None] - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    return distances
