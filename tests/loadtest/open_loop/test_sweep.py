"""The search for the knee, and the way back from an overload."""

import numpy as np
import pytest

from loadtest.open_loop.fleet import Load
from loadtest.open_loop.records import RECORD, Records
from loadtest.open_loop.report import page, text
from loadtest.open_loop.summary import Bounds
from loadtest.open_loop.sweep import Search, find_knee, recovery_s, sweep
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import read_vocabulary
from tests.loadtest.open_loop.small_server import SmallServer, answering

SEARCH = Search(first_per_s=10, factor=1.5, refinements=3)


def knee(limit_per_s, search=SEARCH, faults=()):
    tried = []

    def passes(rate_per_s):
        tried.append(rate_per_s)
        return rate_per_s <= limit_per_s

    return (*find_knee(passes, faults, search), tried)


def test_the_knee_is_the_highest_rate_that_passed():
    for limit_per_s in (10, 100, 357, 2_000):
        found, reached, tried = knee(limit_per_s)
        assert reached
        assert found == max(rate for rate in tried if rate <= limit_per_s)
        # Three bisections of a step of half as much again.
        assert found <= limit_per_s < found * 1.5 ** (1 / 8) * 1.0001


def test_where_the_first_rate_fails_there_is_no_knee():
    assert knee(9)[:2] == (0.0, True)


def test_the_highest_rate_to_try_is_no_knee():
    found, reached, tried = knee(1e9, Search(first_per_s=10, factor=2, most_per_s=50))
    assert (found, reached, tried) == (40, False, [10, 20, 40])


def test_a_void_step_ends_the_search():
    assert knee(100, faults=["sent late"]) == (0.0, False, [])


def after_overload(slow_until_s, size=4_000):
    """20 s of requests at even moments, slow from second 5 to slow_until_s."""
    rows = np.zeros(size, RECORD)
    rows["intended_s"] = rows["sent_s"] = np.arange(size) * 20 / size
    slow = (rows["intended_s"] >= 5) & (rows["intended_s"] < slow_until_s)
    rows["done_s"], rows["status"] = rows["intended_s"] + np.where(slow, 0.2, 0.005), 200
    return Records(rows, ("a",), ("model",))


@pytest.mark.parametrize(("slow_until_s", "expected_s"), [(10, 0.0), (11.2, 1.5), (14, 4.0), (20, None)])
def test_recovery_lasts_until_the_last_bad_window(slow_until_s, expected_s):
    assert recovery_s(after_overload(slow_until_s), 10, 10, SEARCH, Bounds()) == expected_s


def test_a_relapse_is_no_recovery():
    records = after_overload(11)
    relapse = (records.rows["intended_s"] >= 15) & (records.rows["intended_s"] < 15.2)
    records.rows["done_s"][relapse] += 1
    assert recovery_s(records, 10, 10, SEARCH, Bounds()) == 5.5


def test_a_server_that_takes_so_many_at_a_time_has_its_knee_and_keeps_its_goodput():
    # Four at a time for 50 ms each: never more than 80/s, whatever is offered.
    with answering(SmallServer(delay_s=0.05, reject_above=4)) as url:
        target = Target.of(url)
        load = Load((target,), read_vocabulary(target), Habits(mix={"recommend-1": 1}))
        search = Search(
            first_per_s=4, factor=8, step_s=1.5, warmup_s=0.2, refinements=0, overloads=(4,), recovery_s=1,
            p99_limit_ms=5_000,
        )  # fmt: skip
        bounds = Bounds(good_within_ms=5_000, max_lag_ms=1_000, max_cpu_share=1)
        found, faults = sweep(load, search, bounds, seed=0)
    assert faults == []
    assert found["reached"]
    assert 4 <= found["knee_per_s"] < 80
    overload = found["steps"][-1]
    assert overload["step"] == "4x"
    assert found["best_goodput_per_s"] < 100
    assert {one["answer"] for step in found["steps"] for one in step["answers"]} == {"model", "overloaded"}
    report = {"title": "Sweep", "faults": faults, "sweep": found, "asked": {}}
    assert page(report).count("<svg") == 1
    assert "| 4x |" in text(report)
