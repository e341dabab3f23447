"""The clock's gaps have the measured quantiles, whatever the plays per day."""

import numpy as np
import pytest

from model.datasets.listening_clock import break_mean_s, draw_gaps, gap_class

MEASURED_S = {0.05: 3, 0.25: 176, 0.5: 220, 0.75: 286, 0.9: 1_012, 0.95: 17_517}


@pytest.mark.parametrize("plays_per_day", [2.0, 10.0])
def test_gaps_have_the_measured_quantiles_and_the_wanted_rate(plays_per_day):
    gaps = draw_gaps(np.random.default_rng(0), 400_000, break_mean_s(plays_per_day))
    assert gaps.min() >= 1
    for level, measured in MEASURED_S.items():
        assert np.quantile(gaps, level) == pytest.approx(measured, rel=0.1, abs=1.0)
    assert 86_400 / gaps.mean() == pytest.approx(plays_per_day, rel=0.03)


def test_the_classes_part_at_a_quarter_and_at_six_hours():
    gaps = np.array([1, 899, 900, 21_599, 21_600, 10**7])
    assert gap_class(gaps).tolist() == [0, 0, 1, 1, 2, 2]


def test_the_same_seed_draws_the_same_gaps():
    first, second = (draw_gaps(np.random.default_rng(3), (4, 5), 3_600.0) for _ in range(2))
    assert np.array_equal(first, second)
