import numpy as np
import polars as pl
import pytest

from loadtest.drift.day_rates import ARMS, over_all_days, with_intervals


def test_gains_are_paired_by_listener():
    base = np.random.default_rng(0).random(200)
    found = with_intervals(pl.DataFrame({"frozen": base, "grown": base + 0.05, "refreshed": base + 0.2}))
    gain = found["refreshed - frozen"]
    assert (gain["mean"], gain["low"], gain["high"]) == pytest.approx((0.2, 0.2, 0.2))
    assert found["refreshed - grown"]["mean"] == pytest.approx(0.15)
    assert found["frozen"]["low"] < found["frozen"]["mean"] < found["frozen"]["high"]
    assert set(ARMS) < set(found)


def test_over_all_days_a_listener_counts_once():
    days = [
        pl.DataFrame({"user_id": ["a", "b"], **{arm: [1.0, 0.2] for arm in ARMS}}),
        pl.DataFrame({"user_id": ["a"], **{arm: [0.0] for arm in ARMS}}),
    ]
    assert over_all_days(days).rows() == [("a", *[0.5] * len(ARMS)), ("b", *[0.2] * len(ARMS))]
