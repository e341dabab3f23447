"""Records and their histogram against plain definitions."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from loadtest.open_loop.histogram import PERCENTILES, Histogram
from loadtest.open_loop.records import RECORD, Records, joined, read_records


def records(*rows, kinds=("a",), answers=("", "model")):
    """Rows of (intended, sent, done, status, kind, answer, retry_after)."""
    return Records(np.array(list(rows), RECORD), kinds, answers)


def test_latency_counts_from_the_intended_moment():
    found = records((1.0, 1.5, 1.75, 200, 0, 1, False))
    assert found.latency_ms.tolist() == [750]
    assert found.from_sending_ms.tolist() == [250]
    assert found.lag_ms.tolist() == [500]


def test_good_is_success_in_time_and_not_by_the_fallback():
    rows = [(0, 0, 0.1, 200, 0, 0, False), (0, 0, 0.3, 200, 0, 0, False), (0, 0, 0.1, 200, 0, 1, False)]
    rows += [(0, 0, 0.1, status, 0, 0, False) for status in (0, 302, 422, 500, 503)]
    found = records(*rows, answers=("model", "fallback"))
    assert found.good(200).tolist() == [True] + [False] * 7
    assert found.good(300)[1]


def test_rejects_say_when_to_come_back():
    found = records(*((0, 0, 0.1, status, 0, 0, told) for status in (429, 503, 500) for told in (True, False)))
    assert found.rejected.tolist() == [True, False, True, False, False, False]


def test_joined_records_keep_their_names_and_their_order():
    one = records((2, 2, 3, 200, 0, 1, False), kinds=("a", "b"), answers=("", "model"))
    two = records(
        (1, 1, 3, 503, 1, 0, True), (3, 3, 4, 0, 0, 1, False), kinds=("c", "a"), answers=("overloaded", "timeout")
    )
    both = joined([one, two])
    told = [(both.kinds[row["kind"]], both.answers[row["answer"]]) for row in both.rows]
    assert told == [("a", "overloaded"), ("a", "model"), ("c", "timeout")]
    assert len(both.of_kind("a")) == 2
    assert both.between(1, 2).rows["status"].tolist() == [503]
    assert len(joined([])) == 0


def test_records_survive_the_way_from_their_worker():
    found = records((1, 2, 3, 200, 0, 1, True))
    again = read_records({"kinds": ["a"], "answers": ["", "model"]}, found.rows.tobytes())
    assert (again.rows == found.rows).all()
    assert (again.kinds, again.answers) == (found.kinds, found.answers)


def test_percentiles_are_exact_to_three_digits():
    latency_ms = np.random.default_rng(0).lognormal(1, 1.5, 20_000)
    summary = Histogram(latency_ms).summary()
    assert summary["count"] == 20_000
    for name, percentile in PERCENTILES.items():
        expected = np.sort(latency_ms)[round(20_000 * percentile / 100) - 1]
        assert summary[name] == pytest.approx(expected, rel=0.002, abs=0.002)
    assert summary["max"] == pytest.approx(latency_ms.max(), rel=0.002)


def test_a_percentile_without_enough_requests_above_it_is_marked():
    assert Histogram(np.ones(20_000)).summary()["few_samples"] == []
    assert Histogram(np.ones(1_500)).summary()["few_samples"] == ["p99.9"]
    assert Histogram(np.ones(50)).summary()["few_samples"] == ["p90", "p99", "p99.9"]


def test_nothing_measured_has_no_percentiles():
    summary = Histogram(np.empty(0)).summary()
    assert (summary["count"], summary["p50"], summary["max"]) == (0, None, None)
    assert list(Histogram(np.empty(0)).curve()) == []


def test_the_curve_goes_from_half_of_all_down_to_one():
    points = list(Histogram(np.arange(1, 1001)).curve())
    shares, latencies = zip(*points, strict=True)
    assert shares[0] == 0.5
    assert 0.001 <= shares[-1] < 0.00125
    assert latencies[0] == pytest.approx(500, rel=0.01)
    assert list(latencies) == sorted(latencies)


def test_other_tools_read_the_counts():
    decoded = HdrHistogram.decode(Histogram(np.array([1.0, 1.0, 250.0])).encoded())
    assert decoded.get_total_count() == 3
    assert decoded.get_count_at_value(1_000) == 2
    assert decoded.get_value_at_percentile(100) == pytest.approx(250_000, rel=0.001)
