"""Intervals: the user-clustered bootstrap of ratios of sums and of their differences.

Exposures of one user are not independent. Users are resampled, in groups chosen by a hash of their ids, and all figures
see the same resamples, so that a difference is a paired one (Efron and Tibshirani 1993, percentile interval).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from loadtest.replay.exposures import NUM_GROUPS

DRAWS = 2_000
LEVEL = 0.95
DRAWS_AT_ONCE = 250


class Interval(NamedTuple):
    """An estimate with its interval; all NaN where nothing was counted."""

    value: float
    low: float
    high: float


class Fraction(NamedTuple):
    """Sums [G] over groups of users whose ratio is the estimate."""

    numerator: np.ndarray
    denominator: np.ndarray

    def value(self) -> float:
        """The ratio of all groups together."""
        bottom = self.denominator.sum()
        return float(self.numerator.sum() / bottom) if bottom else float("nan")

    def influence(self) -> np.ndarray:
        """[G]: what every group adds to the error of the ratio, to first order."""
        bottom = self.denominator.sum()
        return (self.numerator - self.value() * self.denominator) / bottom if bottom else self.numerator * np.nan


class Bootstrap:
    """Resamples of the groups that any of the given sums [G] is about, the same ones for a seed.

    Only fractions of these very sums can be asked for: all are drawn at once.
    """

    def __init__(self, sums: list[np.ndarray], *, draws: int = DRAWS, seed: int = 0) -> None:
        stacked = np.stack(sums, axis=1)
        used = (stacked != 0).any(1)
        drawn = resamples(int(used.sum()), draws, seed) @ stacked[used]
        # The arrays are kept, so that no other can take their identity.
        self._sums = sums
        self._column = {id(one): drawn[:, i] for i, one in enumerate(sums)}

    def interval(self, fraction: Fraction, less: Fraction | None = None) -> Interval:
        """Of a ratio, or of the difference to another; NaN where a side has no rows."""
        value = fraction.value() - (less.value() if less else 0.0)
        if not np.isfinite(value):
            return Interval(float("nan"), float("nan"), float("nan"))
        drawn = self._drawn(fraction) - (self._drawn(less) if less else 0.0)
        # A resample without a single row of a side says nothing.
        drawn = drawn[np.isfinite(drawn)]
        if not len(drawn):
            return Interval(value, float("-inf"), float("inf"))
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(value, float(low), float(high))

    def _drawn(self, fraction: Fraction) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._column[id(fraction.numerator)] / self._column[id(fraction.denominator)]


@lru_cache(maxsize=8)
def resamples(number: int, draws: int, seed: int) -> np.ndarray:
    """float64 [draws, number]: how often each of `number` groups is drawn in every resample."""
    if not 0 <= number <= NUM_GROUPS:
        raise ValueError(f"expected 0 to {NUM_GROUPS} groups, got {number}")
    generator = np.random.default_rng(seed)
    counts = np.zeros((draws, number))
    for first in range(0, draws, DRAWS_AT_ONCE):
        block = counts[first : first + DRAWS_AT_ONCE]
        drawn = generator.integers(0, max(number, 1), block.shape) + number * np.arange(len(block))[:, None]
        block += np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return counts
