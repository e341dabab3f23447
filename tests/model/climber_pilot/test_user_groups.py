"""Groups of users give the means that single events give, and intervals that cover as often as they say."""

import numpy as np
import pytest

from model.climber_pilot.user_groups import NUM_GROUPS, difference, group_of, interval, sums


def test_a_users_group_is_stable_and_groups_are_about_equal():
    users = [f"user-{i}" for i in range(4_000)]
    groups = group_of(users)
    assert (groups == group_of(users)).all()
    assert group_of(users[7:8])[0] == groups[7]
    counts = np.bincount(groups, minlength=NUM_GROUPS)
    assert len(counts) == NUM_GROUPS
    assert counts.min() > 50


def test_the_mean_is_that_of_the_events():
    rng = np.random.default_rng(0)
    groups, values = rng.integers(0, NUM_GROUPS, 500), rng.random(500)
    found = interval(sums(values, groups)[None], sums(np.ones(500), groups)[None])
    assert found.mean == pytest.approx(values.mean())
    assert found.low < found.mean < found.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        # Events of one user agree: an interval over events would be far too narrow.
        user_rate = rng.beta(2, 2, 120)
        hit = rng.random((120, 10)) < user_rate[:, None]
        groups = np.repeat(rng.integers(0, NUM_GROUPS, 120), 10)
        found = interval(sums(hit.ravel(), groups)[None], sums(np.ones(1_200), groups)[None])
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_seeds_that_differ_widen_the_interval():
    counts = np.full((2, 10), 10.0)
    same, different = np.full((2, 10), 5.0), np.array([np.full(10, 3.0), np.full(10, 7.0)])
    assert interval(same, counts).low == interval(same, counts).high == 0.5
    wide = interval(different, counts)
    assert (wide.mean, wide.low, wide.high) == pytest.approx((0.5, 0.3, 0.7))


def test_a_paired_difference_is_narrower_than_its_sides():
    rng = np.random.default_rng(2)
    counts = np.full((1, NUM_GROUPS), 50.0)
    ours = rng.uniform(5, 45, (1, NUM_GROUPS))
    theirs = ours - 2
    found = difference(ours, theirs, counts, counts)
    assert found == pytest.approx((0.04, 0.04, 0.04))
    side = interval(ours, counts)
    assert side.high - side.low > 0.1


def test_nothing_counted_is_nan_and_unlike_events_are_refused():
    nothing = np.zeros((1, 4))
    assert np.isnan(interval(nothing, nothing)).all()
    with pytest.raises(ValueError, match="same events"):
        difference(nothing, nothing, nothing, nothing + 1)
    with pytest.raises(ValueError, match=r"\[S, G\]"):
        interval(np.zeros(4), np.zeros(4))
