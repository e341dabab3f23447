"""Label metrics: how well probabilities tell yes from no; pure functions on arrays, every one with its definition."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A value and the bounds between which 95 % of its bootstrap replicates lie."""

    value: float
    low: float
    high: float


def f1(truth: np.ndarray, said: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN); 0 where nothing is true and nothing said. bool [M] each."""
    truth, said = _checked(truth, said)
    hits = int((truth & said).sum())
    named = int(truth.sum()) + int(said.sum())
    return 2 * hits / named if named else 0.0


def area_under_curve(truth: np.ndarray, scores: np.ndarray) -> float:
    """Probability that a true one is scored above a false one, ties counting half; NaN where there are not both."""
    truth, scores = np.asarray(truth, bool), np.asarray(scores, np.float64)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # The mean rank of all that share a score.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    """The score from which on `yes` gives the largest f1; midway to the next lower score that occurs."""
    truth, scores = np.asarray(truth, bool), np.asarray(scores, np.float64)
    if not truth.any():
        raise ValueError("expected a true one to choose a threshold by, got none")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    hits = np.cumsum(truth[order])
    values = 2 * hits / (np.arange(1, len(scores) + 1) + truth.sum())
    # Equal scores fall on the same side.
    last_of_equals = np.append(ordered[1:] < ordered[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, values, -1.0)))
    below = ordered[best + 1] if best + 1 < len(ordered) else ordered[best] - 1e-6
    return float((ordered[best] + below) / 2)


def bootstrap_interval(
    measure: Callable[[np.ndarray], float], count: int, *, replicates: int = 1_000, seed: int = 0
) -> Interval:
    """`measure` of all rows and of resamples of them; replicates that have no value are left out."""
    rng = np.random.default_rng(seed)
    values = np.array([measure(rng.integers(0, count, count)) for _ in range(replicates)])
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, (0.025, 0.975)) if len(values) else (np.nan, np.nan)
    return Interval(measure(np.arange(count)), float(low), float(high))


def _checked(truth: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, said = np.asarray(truth), np.asarray(said)
    if truth.dtype != bool or said.dtype != bool or truth.shape != said.shape or truth.ndim != 1:
        raise ValueError(
            f"expected two bool [M], got {truth.dtype} {list(truth.shape)}, {said.dtype} {list(said.shape)}"
        )
    return truth, said
