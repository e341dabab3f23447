"""Intervals: paired resamples of groups, as wide as theory says."""

import math

import numpy as np
import pytest

from loadtest.replay.intervals import Bootstrap, Fraction, resamples


def test_every_resample_draws_as_many_groups_as_there_are():
    drawn = resamples(50, 300, 0)
    assert drawn.shape == (300, 50)
    assert (drawn.sum(1) == 50).all()
    assert drawn.mean(0) == pytest.approx(np.ones(50), abs=0.3)
    assert not np.array_equal(drawn, resamples(50, 300, 1))


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    generator = np.random.default_rng(0)
    sums, counts = generator.normal(3.0, 1.0, 1_000), np.ones(1_000)
    found = Bootstrap([sums, counts]).interval(Fraction(sums, counts))
    assert found.value == pytest.approx(sums.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * sums.std() / math.sqrt(1_000), rel=0.06)


def test_the_interval_of_a_ratio_is_scipys():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install .[bench]")
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 40, 400).astype(float)
    sums = counts * generator.beta(2, 5, 400)
    ours = Bootstrap([sums, counts]).interval(Fraction(sums, counts))
    theirs = stats.bootstrap(
        (sums, counts),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        n_resamples=4_000,
        method="percentile",
        rng=0,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.05 * width)


def test_a_difference_is_paired():
    generator = np.random.default_rng(1)
    sums, counts = generator.normal(3.0, 1.0, 400), np.ones(400)
    better = sums + 0.1
    bootstrap = Bootstrap([sums, better, counts])
    found = bootstrap.interval(Fraction(better, counts), Fraction(sums, counts))
    assert found == pytest.approx((0.1, 0.1, 0.1))


def test_empty_groups_do_not_count_and_an_empty_side_has_no_interval():
    sums, counts = np.zeros(1_000), np.zeros(1_000)
    sums[:40], counts[:40] = np.arange(40.0), 1
    few, alone = Bootstrap([sums, counts]), Bootstrap([sums[:40].copy(), counts[:40].copy()])
    assert few.interval(Fraction(sums, counts)) == alone.interval(Fraction(*alone._sums))
    nothing = np.zeros(1_000)
    assert all(math.isnan(one) for one in Bootstrap([sums, nothing]).interval(Fraction(sums, nothing)))
