"""The gate names what is broken, and gives no verdict where there is none to give."""

import copy
import json

import pytest

from loadtest.gate import UnjudgedError, judge, main

FIGURES = {
    "requests": 5000,
    "rate_per_s": 100.0,
    "goodput_per_s": 99.0,
    "goodput_share": 0.99,
    "errors": 5,
    "error_share": 0.001,
    "rejects": 10,
    "reject_share": 0.002,
    "latency_ms": {"count": 4990, "p50": 2.0, "p90": 4.0, "p99": 6.5, "p99.9": 20.0, "max": 31.0, "few_samples": []},
}
REPORT = {
    "faults": [],
    "measured": {
        "all": FIGURES,
        "kinds": {"events": FIGURES},
        "rejects": {"latency_ms": {"count": 10, "p99": 3.0, "few_samples": ["p99"]}},
        "server": {"cpu_us_per_request": 850.0},
    },
}
SWEEP = {
    "faults": [],
    "sweep": {
        "knee_per_s": 700.0,
        "least_goodput_of_best": 0.93,
        "reject_p99_ms": 4.0,
        "recovered": True,
        "recovery_s": 1.5,
    },
}


def changed(report, *path, value):
    report = copy.deepcopy(report)
    part = report
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return report


def broken(report, budget):
    return [finding.name for finding in judge(report, budget) if not finding.ok]


def test_a_budget_that_is_met_to_the_digit_is_kept():
    budget = {"all": {"p99_ms": 6.5, "error_share": 0.001, "goodput_share": 0.99, "server_cpu_us": 850}}
    assert len(judge(REPORT, budget)) == 4
    assert broken(REPORT, budget) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("p50_ms", 1.9), ("p90_ms", 3.9), ("p99_ms", 6.4), ("p99_9_ms", 19), ("max_ms", 30)),
        *(("error_share", 0), ("reject_share", 0.001), ("goodput_share", 0.991), ("goodput_per_s", 100)),
        *(("reject_p99_ms", 2.9), ("server_cpu_us", 849)),
    ],
)
def test_what_is_broken_is_named(name, value):
    kept = {"p50_ms": 100} if name != "p50_ms" else {"p90_ms": 100}
    assert broken(REPORT, {"all": {name: value, **kept}}) == [f"all.{name}"]


def test_a_kind_has_a_budget_of_its_own():
    assert broken(REPORT, {"kinds": {"events": {"p99_ms": 6}}}) == ["kinds.events.p99_ms"]
    with pytest.raises(UnjudgedError, match="kind page"):
        judge(REPORT, {"kinds": {"page": {"p99_ms": 6}}})


@pytest.mark.parametrize(
    ("name", "value"),
    [("knee_per_s", 701), ("overload_goodput_share", 0.94), ("reject_p99_ms", 3.9), ("recovery_s", 1)],
)
def test_a_sweep_is_held_against_its_own_table(name, value):
    assert broken(SWEEP, {"sweep": {name: value}, "all": {"p99_ms": 0}}) == [f"sweep.{name}"]


def test_a_service_that_never_came_back_breaks_every_time_of_recovery():
    report = changed(changed(SWEEP, "sweep", "recovered", value=False), "sweep", "recovery_s", value=None)
    assert broken(report, {"sweep": {"recovery_s": 1e9}}) == ["sweep.recovery_s"]


def test_where_nothing_was_rejected_no_reject_was_late():
    report = changed(REPORT, "measured", "rejects", value={"latency_ms": {"count": 0, "p99": None, "few_samples": []}})
    assert broken(report, {"all": {"reject_p99_ms": 1}}) == []


@pytest.mark.parametrize(
    ("report", "budget", "why"),
    [
        (changed(REPORT, "faults", value=["sent late"]), {"all": {"p99_ms": 1e9}}, "void: sent late"),
        (REPORT, {"all": {"p98_ms": 1}}, "p98_ms"),
        (REPORT, {"most": {"p99_ms": 1}}, "most"),
        (REPORT, {"all": {"p99_ms": "low"}}, "a number"),
        (REPORT, {"sweep": {"knee_per_s": 1}}, "none"),
        (REPORT, {}, "none"),
        (changed(REPORT, "measured", "server", value=None), {"all": {"server_cpu_us": 900}}, "no such figure"),
        (
            changed(REPORT, "measured", "all", "latency_ms", "few_samples", value=["p99"]),
            {"all": {"p99_ms": 1}},
            "too few requests",
        ),
        ({"title": "another report"}, {"all": {"p99_ms": 1}}, "a report of"),
    ],
)
def test_what_cannot_be_judged_is_not_judged(report, budget, why):
    with pytest.raises(UnjudgedError, match=why):
        judge(report, budget)


@pytest.mark.parametrize(
    ("report", "budget", "status", "told"),
    [
        (json.dumps(REPORT), "[all]\np99_ms = 7", 0, "ok     all.p99_ms: 6.5, at most 7"),
        (json.dumps(REPORT), "[all]\np99_ms = 6\np50_ms = 2", 1, "BROKEN all.p99_ms: 6.5, at most 6"),
        (json.dumps(changed(REPORT, "faults", value=["sent late"])), "[all]\np99_ms = 7", 2, ""),
        ("{", "[all]\np99_ms = 7", 2, ""),
        ("[]", "[all]\np99_ms = 7", 2, ""),
        (json.dumps(REPORT), "[all", 2, ""),
    ],
)
def test_the_exit_status_is_the_verdict(tmp_path, capsys, report, budget, status, told):
    (tmp_path / "report.json").write_text(report)
    (tmp_path / "budget.toml").write_text(budget)
    assert main(["--report", str(tmp_path / "report.json"), "--budget", str(tmp_path / "budget.toml")]) == status
    assert told in capsys.readouterr().out


def test_a_missing_report_has_no_verdict(tmp_path):
    assert main(["--report", str(tmp_path / "none.json"), "--budget", str(tmp_path / "none.toml")]) == 2
