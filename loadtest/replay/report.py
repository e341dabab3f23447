"""Report: an evaluation as report.json for programs and as report.html, one file, for people."""

import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from loadtest.replay.estimators import ESTIMATORS
from loadtest.replay.evaluation import Evaluation, as_json
from loadtest.replay.intervals import Interval
from loadtest.replay.overlap import Overlap
from loadtest.replay.page import document, listing, table
from loadtest.replay.plots import differences_plot, support_plot, values_plot
from loadtest.replay.verdict import RULES


def report_of(found: Evaluation, about: dict[str, Any]) -> dict[str, Any]:
    """What report.json holds. about: where the log came from and what was asked."""
    window = found.window
    return {
        **about,
        "window": {
            "first": _day(window.first_s),
            "last": _day(window.last_s),
            "rows": window.rows,
            "requests": window.requests,
            "releases": {arm: sorted(releases) for arm, releases in sorted(window.releases.items())},
        },
        **{
            name: as_json(getattr(found, name))
            for name in (
                *("policy", "baseline", "estimator", "verdict", "values", "baseline_values", "differences", "anytime"),
                *("margin", "overlaps", "ratio_test", "crossed_users", "guardrails"),
            )
        },
        "rules": list(RULES),
    }


def write_report(found: Evaluation, about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write both files and return what report.json holds; the same bytes for the same evaluation."""
    report = report_of(found, about)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    (folder / "report.html").write_text(page(found, report))
    return report


def page(found: Evaluation, report: dict[str, Any]) -> str:
    """The report for people: no file and no address outside of itself."""
    asked = [[key, json.dumps(value)] for key, value in report.items() if key in ("log", "log_sha256", "choices")]
    window = report["window"]
    estimates = [
        [name, ESTIMATORS[name].source, *map(_shown, (one, found.baseline_values[name], found.differences[name]))]
        for name, one in found.values.items()
    ]
    overlaps = [_support(name, one) for name, one in found.overlaps.items()]
    parts = [
        f"<h1>{escape(found.policy)} against {escape(found.baseline)}</h1>",
        f'<p class="verdict">{escape(found.verdict.outcome)}</p>',
        listing(found.verdict.reasons),
        differences_plot(found),
        "<h2>Estimates</h2>",
        table(["estimator", "source", "policy", "baseline", "difference"], estimates),
        values_plot(found),
        "<h2>Anytime-valid</h2>",
        table(["what", "interval"], [[name, _shown(one)] for name, one in found.anytime.items()]),
        "<h2>Support</h2>",
        table(
            ["side", "rows", "matched", "effective", "unsupported", "max weight", "heaviest row", "clipped"], overlaps
        ),
        support_plot(found),
        "<h2>Guardrails and assignment</h2>",
        table(
            ["guardrail", "policy", "baseline", "rule", "holds"],
            [
                [one.name, f"{one.policy:.4g}", f"{one.baseline:.4g}", one.rule, "no" if one.broken else "yes"]
                for one in found.guardrails
            ],
        ),
        _assignment(found),
        "<h2>Rules of the verdict</h2>",
        listing(report["rules"]),
        "<h2>Data</h2>",
        table(["what", "value"], [*asked, *([key, json.dumps(value)] for key, value in window.items())]),
    ]
    return document(f"{found.policy}: {found.verdict.outcome}", parts)


def _support(name: str, one: Overlap) -> list[str]:
    counts = [f"{count:,.0f}" for count in (one.rows, one.matched_rows, one.effective_rows)]
    return [
        name,
        *counts,
        _shown(one.unsupported),
        f"{one.max_weight:.4g}",
        f"{one.largest_share:.2%}",
        f"{one.clipped:.2%}",
    ]


def _assignment(found: Evaluation) -> str:
    crossed = f"Users seen in more than one arm: {found.crossed_users}."
    if found.ratio_test is None:
        return f"<p>{crossed} No meant shares were named, so the arms' sizes were not tested.</p>"
    test = found.ratio_test
    tested = f"Users {test.users}, meant {test.expected_shares}: p = {test.p_value:.3g}."
    return f"<p>{crossed} {escape(tested)}</p>"


def _shown(one: Interval) -> str:
    return f"{one.value:.5g} [{one.low:.5g}, {one.high:.5g}]"


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
