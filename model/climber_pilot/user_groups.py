"""User groups: hits summed over groups of users, and the intervals over users and seeds that they allow.

Events of one user are not independent, so users are resampled, not events; a group of users chosen by a hash of their
ids is resampled like one user, and its sums are few enough to be kept with every result.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

NUM_GROUPS = 40
RESAMPLES = 2_000
QUANTILES = (0.025, 0.975)


class Interval(NamedTuple):
    """A mean and its 95 % bootstrap interval; all NaN where nothing was counted."""

    mean: float
    low: float
    high: float


def group_of(user_ids: list[str], num_groups: int = NUM_GROUPS) -> np.ndarray:
    """int64 [U]: every user's group, the same wherever the user turns up."""
    digests = [hashlib.blake2b(b"group" + user_id.encode(), digest_size=8).digest() for user_id in user_ids]
    return np.array([int.from_bytes(digest, "big") % num_groups for digest in digests], dtype=np.int64)


def sums(values: np.ndarray, groups: np.ndarray, num_groups: int = NUM_GROUPS) -> np.ndarray:
    """float64 [G]: values [T] summed over the group [T] that each belongs to."""
    return np.bincount(groups, weights=values.astype(np.float64), minlength=num_groups)


def interval(totals: np.ndarray, counts: np.ndarray) -> Interval:
    """Mean per counted event, and its percentile bootstrap over groups and, where there are several, over seeds.

    totals, counts: [S, G] sums of S seeds' values over G groups and how many were summed. Few seeds understate their
    own spread. Raises ValueError for other shapes.
    """
    totals, counts = np.asarray(totals, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if totals.ndim != 2 or totals.shape != counts.shape:
        raise ValueError(f"expected totals and counts [S, G], got {list(totals.shape)} and {list(counts.shape)}")
    if not counts.sum():
        return Interval(float("nan"), float("nan"), float("nan"))
    # Groups without an event say nothing; resampling them would only spread the denominator.
    used = counts.sum(0) > 0
    totals, counts = totals[:, used], counts[:, used]
    seeds, groups = (resampled(number, stream) for stream, number in enumerate(totals.shape))
    drawn = ((seeds @ totals) * groups).sum(1) / ((seeds @ counts) * groups).sum(1)
    low, high = np.quantile(drawn, QUANTILES)
    return Interval(float(totals.sum() / counts.sum()), float(low), float(high))


@lru_cache(maxsize=64)
def resampled(number: int, stream: int) -> np.ndarray:
    """int64 [R, number]: how often each of `number` is drawn in every resample, the same for every figure."""
    return np.random.default_rng(stream).multinomial(number, np.full(number, 1 / number), RESAMPLES)


def difference(totals: np.ndarray, others: np.ndarray, counts: np.ndarray, other_counts: np.ndarray) -> Interval:
    """Paired difference of two means over the same events under the same seeds; see interval.

    Raises ValueError where the two were not counted over the same events.
    """
    if not np.array_equal(counts, other_counts):
        raise ValueError("expected both sides counted over the same events of the same users and seeds")
    return interval(np.asarray(totals) - np.asarray(others), counts)
