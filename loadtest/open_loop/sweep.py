"""Sweep: where the knee is, what happens far beyond it, and how soon the service is back to normal afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from loadtest.open_loop.fleet import Load, Run, measure
from loadtest.open_loop.records import Records
from loadtest.open_loop.schedule import Phase
from loadtest.open_loop.summary import Bounds, summarise

# After an overload: a load that a healthy service has no trouble with.
CALM_SHARE = 0.5
RECOVERY_WINDOW_S = 0.5
ATTEMPTS = 3


@dataclass(frozen=True)
class Search:
    """The first rate, the factor to the next, and when a rate is too high for the service."""

    first_per_s: float = 20.0
    factor: float = 1.3
    most_per_s: float = 100_000.0
    step_s: float = 8.0
    warmup_s: float = 2.0
    p99_limit_ms: float = 50.0
    goodput_share: float = 0.99
    refinements: int = 2
    overloads: tuple[float, ...] = (2.0, 5.0, 10.0)
    recovery_s: float = 8.0

    def __post_init__(self) -> None:
        if not (self.first_per_s > 0 and self.factor > 1):
            raise ValueError(f"expected a rate above 0 and a factor above 1, got {self.first_per_s}, {self.factor}")


def sweep(load: Load, search: Search, bounds: Bounds, *, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Every step and the knee, and what makes the sweep void."""
    steps: list[dict[str, Any]] = []
    faults: list[str] = []

    def taken(take: Callable[[int], tuple[dict[str, Any], list[str]]]) -> dict[str, Any]:
        """A step, again where the generator was disturbed."""
        for attempt in range(ATTEMPTS):
            found, run_faults = take(seed + 100 * len(steps) + attempt)
            if not run_faults:
                break
        steps.append(found)
        faults.extend(run_faults)
        return found

    def passes(rate_per_s: float) -> bool:
        return bool(taken(lambda own_seed: _step(load, search, bounds, rate_per_s, own_seed))["passed"])

    knee_per_s, reached = find_knee(passes, faults, search)
    overloads = []
    for factor in search.overloads if knee_per_s and not faults else ():
        overloads.append(taken(partial(_overload, load, search, bounds, factor, knee_per_s)))
    if not knee_per_s and not faults:
        faults.append(f"the first rate, {search.first_per_s:g}/s, is beyond the knee already: begin lower")
    best_per_s = max(float(step["goodput_per_s"]) for step in steps)
    for step in steps:
        step["goodput_of_best"] = step["goodput_per_s"] / max(1e-9, best_per_s)
    return {
        "knee_per_s": knee_per_s,
        "reached": reached,
        "best_goodput_per_s": best_per_s,
        "least_goodput_of_best": min((step["goodput_of_best"] for step in overloads), default=None),
        "reject_p99_ms": max(
            (step["reject_p99"] for step in overloads if step["reject_p99"] is not None), default=None
        ),
        # A service that did not come back within the time it was watched has no time of recovery.
        "recovered": all(step["recovery_s"] is not None for step in overloads),
        "recovery_s": max((step["recovery_s"] for step in overloads if step["recovery_s"] is not None), default=None),
        "p99_limit_ms": search.p99_limit_ms,
        "goodput_share": search.goodput_share,
        "steps": steps,
    }, faults


def find_knee(passes: Any, faults: Sequence[str], search: Search) -> tuple[float, bool]:
    """The highest rate that passed, and whether one above it did not; stops where faults appear."""
    rate_per_s, passed_per_s = search.first_per_s, 0.0
    while rate_per_s <= search.most_per_s and not faults:
        if not passes(rate_per_s):
            break
        passed_per_s, rate_per_s = rate_per_s, rate_per_s * search.factor
    else:
        return passed_per_s, False
    failed_per_s = rate_per_s
    for _ in range(search.refinements if passed_per_s else 0):
        middle_per_s = float(np.sqrt(passed_per_s * failed_per_s))
        if faults:
            break
        if passes(middle_per_s):
            passed_per_s = middle_per_s
        else:
            failed_per_s = middle_per_s
    return passed_per_s, True


def recovery_s(records: Records, overload_s: float, watched_s: float, search: Search, bounds: Bounds) -> float | None:
    """Seconds from the end of an overload until every later window is answered as it should be; None for never."""
    good = records.good(min(bounds.good_within_ms, search.p99_limit_ms))
    back_s = 0.0
    windows = int(watched_s / RECOVERY_WINDOW_S)
    for number in range(windows):
        start_s = overload_s + number * RECOVERY_WINDOW_S
        intended_s = records.rows["intended_s"]
        own = (intended_s >= start_s) & (intended_s < start_s + RECOVERY_WINDOW_S)
        if own.any() and good[own].mean() < search.goodput_share:
            back_s = (number + 1) * RECOVERY_WINDOW_S
    return None if back_s >= windows * RECOVERY_WINDOW_S else back_s


def _step(load: Load, search: Search, bounds: Bounds, rate_per_s: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    phases = [Phase(rate_per_s, search.warmup_s, counted=False), Phase(rate_per_s, search.step_s)]
    found, faults = _row(f"{rate_per_s:.0f}/s", measure(load, phases, seed=seed), bounds)
    p99 = found["p99"]
    found["passed"] = bool(
        found["goodput_share"] >= search.goodput_share and p99 is not None and p99 <= search.p99_limit_ms
    )
    # Beyond the knee the generator shares the trouble; what failed has failed, its figures are not the knee's.
    return found, faults if found["passed"] else []


def _overload(
    load: Load, search: Search, bounds: Bounds, factor: float, knee_per_s: float, seed: int
) -> tuple[dict[str, Any], list[str]]:
    calm = Phase(CALM_SHARE * knee_per_s, search.recovery_s)
    phases = [Phase(CALM_SHARE * knee_per_s, search.warmup_s, counted=False)]
    run = measure(load, [*phases, Phase(factor * knee_per_s, search.step_s), calm], seed=seed)
    overloaded = Run(
        records=run.records.between(0.0, search.step_s),
        duration_s=search.step_s,
        rate_per_s=factor * knee_per_s,
        cpu_shares=run.cpu_shares,
        connections=run.connections,
        most_under_way=run.most_under_way,
    )
    found, faults = _row(f"{factor:g}x", overloaded, bounds)
    found["recovery_s"] = recovery_s(run.records, search.step_s, search.recovery_s, search, bounds)
    return found, [f"{factor:g}x: {fault}" for fault in faults]


def _row(name: str, run: Run, bounds: Bounds) -> tuple[dict[str, Any], list[str]]:
    summary = summarise(run, bounds)
    figures, server = summary["all"], summary["server"]
    return {
        "step": name,
        "offered_per_s": figures["rate_per_s"],
        "goodput_per_s": figures["goodput_per_s"],
        "goodput_share": figures["goodput_share"],
        "rejects_per_s": figures["rejects"] / run.duration_s,
        "errors": figures["errors"],
        "p50": figures["latency_ms"]["p50"],
        "p99": figures["latency_ms"]["p99"],
        "reject_p99": summary["rejects"]["latency_ms"]["p99"],
        "recovery_s": None,
        "server_cpu_share": None if server is None else server["cpu_share"],
        "lag_p99": summary["generator"]["lag_ms"]["p99"],
        "generator_cpu_share": summary["generator"]["cpu_share"],
        "answers": summary["answers"],
        "passed": None,
    }, summary["generator"]["faults"]
