"""Gate: python -m loadtest.gate --report DIR/report.json --budget budget.toml.

Holds a report of loadtest.open_loop against a budget and names whatever is broken. Exit status 1 where something is, 2
where the report cannot be judged: the generator could not keep up, too few samples, or nothing that the budget names.

A budget is TOML: [all] and [kinds.NAME] for a measurement, [sweep] for a sweep; the names are those of LIMITS.
"""

import argparse
import json
import logging
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """Where a figure stands in its part of a report, and whether the budget is the most or the least of it."""

    path: tuple[str, ...]
    at_least: bool = False


REQUEST_LIMITS = {
    **{
        f"{name}_ms": Limit(("latency_ms", percentile))
        for name, percentile in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99_9", "p99.9"), ("max", "max"))
    },
    "error_share": Limit(("error_share",)),
    "reject_share": Limit(("reject_share",)),
    "goodput_share": Limit(("goodput_share",), at_least=True),
    "goodput_per_s": Limit(("goodput_per_s",), at_least=True),
}
LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "all": {
        **REQUEST_LIMITS,
        "reject_p99_ms": Limit(("rejects", "latency_ms", "p99")),
        "server_cpu_us": Limit(("server", "cpu_us_per_request")),
    },
    "kinds": REQUEST_LIMITS,
    "sweep": {
        "knee_per_s": Limit(("knee_per_s",), at_least=True),
        "overload_goodput_share": Limit(("least_goodput_of_best",), at_least=True),
        "reject_p99_ms": Limit(("reject_p99_ms",)),
        "recovery_s": Limit(("recovery_s",)),
    },
}
# Nothing was refused, or no service was below the overload: then there is no such latency, and none to break.
OPTIONAL = {"reject_p99_ms"}


class UnjudgedError(ValueError):
    """The report does not allow a verdict."""


@dataclass(frozen=True)
class Finding:
    """One entry of the budget: its name, what the report has (None: nothing to break it), and what is allowed."""

    name: str
    figure: float | None
    budget: float
    at_least: bool

    @property
    def ok(self) -> bool:
        """Whether the budget is kept."""
        if self.figure is None:
            return True
        return self.figure >= self.budget if self.at_least else self.figure <= self.budget

    def __str__(self) -> str:
        figure = "none" if self.figure is None else f"{self.figure:.6g}"
        bound = "at least" if self.at_least else "at most"
        return f"{'ok    ' if self.ok else 'BROKEN'} {self.name}: {figure}, {bound} {self.budget:g}"


def judge(report: Mapping[str, Any], budget: Mapping[str, Any]) -> list[Finding]:
    """Every entry of the budget that the report has a part for; raises UnjudgedError."""
    faults = report.get("faults")
    if faults is None or not ("measured" in report or "sweep" in report):
        raise UnjudgedError("expected a report of loadtest.open_loop")
    if faults:
        raise UnjudgedError(f"the run is void: {'; '.join(faults)}")
    found = [finding for part in _parts(report, budget) for finding in part]
    if not found:
        raise UnjudgedError("expected a budget for what the report is about, got none")
    return found


def _parts(report: Mapping[str, Any], budget: Mapping[str, Any]) -> Iterator[list[Finding]]:
    unknown = set(budget) - set(LIMITS)
    if unknown:
        raise UnjudgedError(f"expected the tables {', '.join(LIMITS)}, got {', '.join(sorted(unknown))}")
    kinds = budget.get("kinds", {})
    for names, allowed in ((budget.get("all", {}), "all"), (budget.get("sweep", {}), "sweep")):
        _check_names(allowed, names)
    for kind, names in kinds.items():
        _check_names("kinds", names, f"kinds.{kind}")
    if "measured" in report:
        measured = report["measured"]
        whole = {**measured["all"], "rejects": measured["rejects"], "server": measured["server"]}
        yield [_finding("all", name, whole, value) for name, value in budget.get("all", {}).items()]
        for kind, names in kinds.items():
            if kind not in measured["kinds"]:
                raise UnjudgedError(f"expected requests of the kind {kind}, got none")
            part = measured["kinds"][kind]
            yield [_finding("kinds", name, part, value, f"kinds.{kind}") for name, value in names.items()]
    if "sweep" in report:
        yield [_finding("sweep", name, report["sweep"], value) for name, value in budget.get("sweep", {}).items()]


def _check_names(table: str, names: Mapping[str, Any], title: str = "") -> None:
    for name, value in names.items():
        if name not in LIMITS[table]:
            raise UnjudgedError(f"expected in [{title or table}] one of {', '.join(LIMITS[table])}, got {name}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnjudgedError(f"expected a number for {title or table}.{name}, got {value!r}")


def _finding(table: str, name: str, part: Mapping[str, Any], value: float, title: str = "") -> Finding:
    limit, shown = LIMITS[table][name], f"{title or table}.{name}"
    figure: Any = part
    for key in limit.path:
        figure = None if figure is None else figure.get(key)
    if limit.path[-1] in part.get("latency_ms", {}).get("few_samples", ()):
        raise UnjudgedError(f"{shown}: too few requests for this percentile, run longer")
    if name == "recovery_s" and not part["recovered"]:
        # As long as it was watched, and longer.
        figure = float("inf")
    if figure is None and name not in OPTIONAL:
        raise UnjudgedError(f"{shown}: the report has no such figure")
    return Finding(shown, figure, float(value), limit.at_least)


def main(argv: list[str] | None = None) -> int:
    """Print every finding; 0 where all budgets are kept, 1 where one is broken, 2 without a verdict."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.gate", description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="report.json of loadtest.open_loop")
    parser.add_argument("--budget", type=Path, required=True, help="TOML")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        report = json.loads(arguments.report.read_text())
        found = judge(report, tomllib.loads(arguments.budget.read_text()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        logger.error("no verdict: %s", error)
        return 2
    sys.stdout.write("".join(f"{finding}\n" for finding in found))
    return 0 if all(finding.ok for finding in found) else 1


if __name__ == "__main__":
    sys.exit(main())
