"""Figures of a run, and when they are the generator's own."""

import re

import numpy as np
import pytest

from loadtest.open_loop.fleet import Run
from loadtest.open_loop.records import RECORD, Records
from loadtest.open_loop.report import page, text, verdict
from loadtest.open_loop.summary import Bounds, summarise

BOUNDS = Bounds(good_within_ms=100)


def run(latency_ms=5.0, lag_ms=0.1, size=2_000, duration_s=20.0, cpu_share=0.1, **changes):
    """A run of requests at even moments: of every ten, one is rejected, one fails and one is an event."""
    rows = np.zeros(size, RECORD)
    rows["intended_s"] = np.arange(size) * duration_s / size
    rows["sent_s"] = rows["intended_s"] + lag_ms / 1000
    rows["done_s"] = rows["intended_s"] + latency_ms / 1000
    rows["status"], rows["answer"] = 200, 1
    rows["status"][::10], rows["answer"][::10], rows["retry_after"][::10] = 503, 2, True
    rows["status"][1::10], rows["answer"][1::10] = 500, 3
    rows["kind"][2::10], rows["answer"][2::10] = 1, 0
    records = Records(rows, ("recommend-4", "events"), ("", "model", "overloaded", "internal_error"))
    facts = {"rate_per_s": size / duration_s, "cpu_shares": (cpu_share,), "connections": 5, "most_under_way": 3}
    return Run(**{"records": records, "duration_s": duration_s, **facts, **changes})


def report(found, **more):
    summary = summarise(found, BOUNDS)
    return {"title": "A <run>", "faults": summary["generator"]["faults"], "measured": summary, "asked": {}, **more}


def test_every_request_is_counted_as_one_thing():
    found = summarise(run(server_cpu_s=2.0), BOUNDS)
    assert (found["all"]["requests"], found["all"]["errors"], found["all"]["rejects"]) == (2_000, 200, 200)
    assert found["all"]["goodput_per_s"] == 80
    assert (found["all"]["error_share"], found["all"]["reject_share"]) == (0.1, 0.1)
    assert found["all"]["latency_ms"]["count"] == 1_800
    assert found["rejects"]["latency_ms"]["count"] == 200
    assert found["kinds"]["events"]["requests"] == 200
    assert found["kinds"]["events"]["goodput_share"] == 1
    assert {(one["status"], one["answer"]): one["requests"] for one in found["answers"]} == {
        (200, ""): 200,
        (200, "model"): 1_400,
        (500, "internal_error"): 200,
        (503, "overloaded"): 200,
    }
    assert found["server"] == {"cpu_s": 2.0, "cpu_share": 0.1, "cpu_us_per_request": 1_000}
    assert found["generator"]["kept_up"]


def test_late_answers_are_answers_but_not_good():
    found = summarise(run(latency_ms=101), BOUNDS)["all"]
    assert (found["goodput_per_s"], found["errors"]) == (0, 200)
    assert found["latency_ms"]["p50"] == pytest.approx(101, rel=0.001)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"lag_ms": 1.2}, "sent late"),
        ({"lag_ms": 11, "latency_ms": 100}, "sent late"),
        ({"cpu_share": 0.71}, "busy"),
        ({"lag_ms": 2_000, "latency_ms": 30_000}, "too slow"),
        ({"size": 0}, "not one request"),
    ],
)
def test_a_generator_that_does_not_keep_up_makes_the_run_void(changes, fault):
    found = report(run(**changes))
    (told,) = found["faults"]
    assert fault in told
    assert verdict(found).startswith("void")
    assert told in text(found)


@pytest.mark.parametrize("changes", [{"lag_ms": 0.9}, {"lag_ms": 9.5, "latency_ms": 99}, {"cpu_share": 0.69}])
def test_what_does_not_matter_voids_nothing(changes):
    found = report(run(**changes))
    assert found["faults"] == []
    assert "80.0 good answers/s" in verdict(found)


def test_windows_show_when_it_happened():
    found = run()
    slow = (found.records.rows["intended_s"] >= 10) & (found.records.rows["intended_s"] < 11)
    found.records.rows["done_s"][slow] += 1
    over_time = summarise(found, BOUNDS)["over_time"]
    windows = {name: np.array(values) for name, values in over_time.items()}
    inside = (windows["start_s"] >= 10) & (windows["start_s"] < 10.9)
    assert (windows["good"][inside][:-1] == 0).all()
    assert (windows["p50"][~inside][:20] < 6).all()
    assert windows["max"].max() == pytest.approx(1_005)
    assert windows["offered"].mean() == pytest.approx(100, rel=0.02)


def test_the_page_needs_nothing_else_and_is_the_same_every_time():
    found = report(
        run(), closed_loop={"latency_ms": summarise(run(), BOUNDS)["all"]["latency_ms"], "curve": [[0.5, 1]]}
    )
    shown = page(found)
    assert shown == page(found)
    assert shown.count("<svg") == 3
    assert "A &lt;run&gt;" in shown
    assert "closed loop beside" in shown
    addresses = re.findall(r'(?:src|href)="([^"]+)"', shown)
    assert addresses
    assert all(address.startswith("#") for address in addresses)
