"""Moments are a Poisson process, drawn in advance."""

import numpy as np
import pytest

from loadtest.open_loop.schedule import Phase, arrivals, duration_s, uncounted_s


def draw(*phases, seed=0):
    return arrivals(phases, np.random.default_rng(seed))


def test_moments_ascend_within_the_run_and_are_the_same_for_the_same_seed():
    times_s = draw(Phase(100, 2), Phase(50, 3))
    assert (np.diff(times_s) >= 0).all()
    assert times_s[0] >= 0
    assert times_s[-1] < 5
    assert np.array_equal(times_s, draw(Phase(100, 2), Phase(50, 3)))
    assert not np.array_equal(times_s, draw(Phase(100, 2), Phase(50, 3), seed=1))


def test_every_phase_has_its_own_rate():
    times_s = draw(Phase(200, 50), Phase(1000, 20), Phase(100, 40))
    for start_s, end_s, mean in ((0, 50, 10_000), (50, 70, 20_000), (70, 110, 4_000)):
        count = int(((times_s >= start_s) & (times_s < end_s)).sum())
        assert abs(count - mean) < 5 * np.sqrt(mean)


def test_gaps_are_exponential():
    gaps_s = np.diff(draw(Phase(100, 200)))
    assert np.mean(gaps_s) == pytest.approx(0.01, rel=0.05)
    # As long as its mean or longer with probability 1/e, which no regular schedule has.
    assert np.mean(gaps_s > 0.01) == pytest.approx(np.exp(-1), abs=0.02)


def test_the_warm_up_is_what_comes_before_anything_counts():
    phases = [Phase(1, 2, counted=False), Phase(1, 1, counted=False), Phase(1, 7)]
    assert (uncounted_s(phases), duration_s(phases)) == (3, 10)


@pytest.mark.parametrize("phase", [(0, 1), (-1, 1), (1, 0)])
def test_a_phase_without_requests_or_time_is_refused(phase):
    with pytest.raises(ValueError, match="above 0"):
        Phase(*phase)
