"""Paired difference: how much more often one list holds the target than another, user by user, with its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2_000
QUANTILES = (0.025, 0.975)


def paired_differences(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Mean of first - second, 95 % interval over users, and each seed's own mean; one entry per column.

    first, second: of S seeds, bool [U, C] hits of the same users under C cuts. Users are resampled whole, with the mean
    over their seeds: the interval speaks of other users, `per_seed` of other trainings. Raises ValueError for shapes
    that cannot be paired.
    """
    shapes = {values.shape for values in (*first, *second)}
    if len(first) != len(second) or len(shapes) != 1:
        raise ValueError(f"expected both sides with the same seeds, users and cuts, got {sorted(shapes)}")
    of_seed = [a.astype(np.float64) - b for a, b in zip(first, second, strict=True)]
    low, high = bootstrap(np.mean(of_seed, axis=0))
    return [
        {
            "mean": float(np.mean([values[:, column].mean() for values in of_seed])),
            "low": float(low[column]),
            "high": float(high[column]),
            "per_seed": [float(values[:, column].mean()) for values in of_seed],
        }
        for column in range(first[0].shape[1])
    ]


def bootstrap(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of the mean over users, per column. values: float64 [U, C]; NaN for no users."""
    num_users = len(values)
    if not num_users:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing
    rng = np.random.default_rng(0)
    means = np.empty((RESAMPLES, values.shape[1]))
    for resample in range(RESAMPLES):
        # How often each user is drawn, and one product for all columns: faster than gathering the users' values.
        times = np.bincount(rng.integers(num_users, size=num_users), minlength=num_users)
        means[resample] = times @ values / num_users
    low, high = np.quantile(means, QUANTILES, axis=0)
    return low, high
