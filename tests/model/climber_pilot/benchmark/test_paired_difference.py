"""Paired differences: exact means, and intervals that are those of the mean over users."""

import numpy as np
import pytest

from model.climber_pilot.benchmark.paired_difference import bootstrap, paired_differences


def hits(seed, rate, users=2_000, cuts=3):
    return np.random.default_rng(seed).random((users, cuts)) < rate


def test_means_are_exact_over_users_and_seeds():
    first, second = [hits(0, 0.5), hits(1, 0.6)], [hits(2, 0.4), hits(3, 0.3)]
    found = paired_differences(first, second)
    assert len(found) == 3
    for column, difference in enumerate(found):
        of_seed = [a[:, column].mean() - b[:, column].mean() for a, b in zip(first, second, strict=True)]
        assert difference["per_seed"] == pytest.approx(of_seed)
        assert difference["mean"] == pytest.approx(np.mean(of_seed))
        assert difference["low"] < difference["mean"] < difference["high"]


def test_the_interval_is_that_of_the_mean_over_users():
    """By the central limit theorem its half width is 1.96 standard errors; pairing counts, independence does not."""
    first = hits(0, 0.5)
    second = first.copy()
    second[:40] = False  # differs for a few users alone
    (difference, *_) = paired_differences([first], [second])
    per_user = first[:, 0].astype(float) - second[:, 0]
    error = per_user.std(ddof=1) / np.sqrt(len(per_user))
    assert (difference["high"] - difference["low"]) / 2 == pytest.approx(1.96 * error, rel=0.1)
    (unpaired, *_) = paired_differences([first], [hits(9, second.mean())])
    assert unpaired["high"] - unpaired["low"] > 4 * (difference["high"] - difference["low"])


def test_seeds_are_averaged_before_users_are_resampled():
    """A user is one user under however many seeds: the same seed twice must not narrow the interval."""
    first, second = hits(0, 0.5), hits(1, 0.4)
    once, twice = paired_differences([first], [second]), paired_differences([first] * 2, [second] * 2)
    for a, b in zip(once, twice, strict=True):
        assert (a["low"], a["high"]) == pytest.approx((b["low"], b["high"]))


def test_no_difference_is_no_interval_and_nobody_is_nan():
    same = hits(0, 0.5)
    assert all((d["mean"], d["low"], d["high"]) == (0, 0, 0) for d in paired_differences([same], [same]))
    low, high = bootstrap(np.zeros((0, 2)))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_other_users_or_seeds_cannot_be_paired():
    with pytest.raises(ValueError, match="same seeds, users and cuts"):
        paired_differences([hits(0, 0.5)], [hits(0, 0.5, users=10)])
    with pytest.raises(ValueError, match="same seeds, users and cuts"):
        paired_differences([hits(0, 0.5)] * 2, [hits(0, 0.5)])
