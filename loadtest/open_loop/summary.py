"""Summary: the figures of one measurement, and whether the generator was good enough for them to mean anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loadtest.open_loop.fleet import Run
from loadtest.open_loop.histogram import Histogram
from loadtest.open_loop.records import Records

WINDOWS = 60
LEAST_WINDOW_S = 0.25


@dataclass(frozen=True)
class Bounds:
    """What counts as good, and what the generator may take without making its run void.

    A request sent late has its lateness in its latency. Below lag_share of the latency it hides behind, it changes
    nothing that matters.
    """

    good_within_ms: float = 500.0
    max_lag_ms: float = 1.0
    lag_share: float = 0.1
    max_cpu_share: float = 0.7
    least_rate_share: float = 0.95


def summarise(run: Run, bounds: Bounds) -> dict[str, Any]:
    """The whole measurement: all requests, each kind, rejects, errors, the generator itself, and time."""
    records = run.records
    kinds = {kind: records.of_kind(kind) for kind in records.kinds}
    return {
        "duration_s": run.duration_s,
        "all": _figures(records, run.duration_s, bounds),
        "kinds": {kind: _figures(some, run.duration_s, bounds) for kind, some in kinds.items() if len(some)},
        "rejects": _rejects(records),
        "answers": _answers(records),
        "generator": _generator(run, bounds),
        "server": _server(run),
        "over_time": over_time(records, run.duration_s, bounds),
        "curve": [list(point) for point in Histogram(records.latency_ms[~records.rejected]).curve()],
        "histogram": Histogram(records.latency_ms[~records.rejected]).encoded(),
    }


def over_time(records: Records, duration_s: float, bounds: Bounds) -> dict[str, list[float | None]]:
    """Window by window of intended moments: rates per second, and percentiles of what was not rejected in ms."""
    width_s = max(LEAST_WINDOW_S, duration_s / WINDOWS)
    found: dict[str, list[float | None]] = {name: [] for name in ("start_s", "offered", "good", "rejected")}
    found |= {name: [] for name in ("p50", "p99", "max")}
    good, rejected, latency_ms = records.good(bounds.good_within_ms), records.rejected, records.latency_ms
    windows = (records.rows["intended_s"] // width_s).astype(int)
    # The last window may be cut off: its rates would be those of a part.
    for number in range(max(1, int(duration_s / width_s + 1e-9))):
        own = windows == number
        found["start_s"].append(number * width_s)
        for name, mask in (("offered", own), ("good", own & good), ("rejected", own & rejected)):
            found[name].append(int(mask.sum()) / width_s)
        answered = latency_ms[own & ~rejected]
        for name, percentile in (("p50", 50), ("p99", 99), ("max", 100)):
            found[name].append(float(np.percentile(answered, percentile)) if len(answered) else None)
    return found


def _figures(records: Records, duration_s: float, bounds: Bounds) -> dict[str, Any]:
    rejected, good = records.rejected, int(records.good(bounds.good_within_ms).sum())
    status = records.rows["status"]
    failed = int(((status < 200) | (status >= 400)).sum() - rejected.sum())
    # Requests that were given up count with the time they waited; rejects have a histogram of their own.
    return {
        "requests": len(records),
        "rate_per_s": len(records) / duration_s,
        "goodput_per_s": good / duration_s,
        "goodput_share": good / max(1, len(records)),
        "errors": failed,
        "error_share": failed / max(1, len(records)),
        "rejects": int(rejected.sum()),
        "reject_share": float(rejected.sum()) / max(1, len(records)),
        "latency_ms": Histogram(records.latency_ms[~rejected]).summary(),
        "from_sending_ms": Histogram(records.from_sending_ms[~rejected]).summary(),
    }


def _rejects(records: Records) -> dict[str, Any]:
    return {"latency_ms": Histogram(records.latency_ms[records.rejected]).summary()}


def _answers(records: Records) -> list[dict[str, Any]]:
    pairs, counts = np.unique(records.rows[["status", "answer"]], return_counts=True)
    return [
        {"status": int(pair["status"]), "answer": records.answers[pair["answer"]], "requests": int(number)}
        for pair, number in zip(pairs, counts, strict=True)
    ]


def _generator(run: Run, bounds: Bounds) -> dict[str, Any]:
    lag, latency = Histogram(run.records.lag_ms).summary(), Histogram(run.records.latency_ms).summary()
    rate_per_s = len(run.records) / run.duration_s
    figures = {
        "intended_rate_per_s": run.rate_per_s,
        "drawn_rate_per_s": rate_per_s,
        # A request sent after the end is one that was not sent at the rate that was asked for.
        "achieved_rate_per_s": float((run.records.rows["sent_s"] <= run.duration_s).sum()) / run.duration_s,
        "lag_ms": lag,
        "cpu_share": list(run.cpu_shares),
        "real_time": run.real_time,
        "connections": run.connections,
        "most_under_way": run.most_under_way,
    }
    faults = generator_faults(figures, latency, bounds)
    return {**figures, "kept_up": not faults, "faults": faults}


def generator_faults(figures: Mapping[str, Any], latency: Mapping[str, Any], bounds: Bounds) -> list[str]:
    """Why the figures would be the generator's own, empty where they are the server's."""
    if not latency["count"]:
        return ["not one request was drawn"]
    faults = []
    allowed_ms = max(bounds.max_lag_ms, bounds.lag_share * latency["p99"])
    if figures["lag_ms"]["p99"] > allowed_ms:
        faults.append(f"sent late: p99 of the lag is {figures['lag_ms']['p99']:.2f} ms, allowed {allowed_ms:.2f} ms")
    if max(figures["cpu_share"]) > bounds.max_cpu_share:
        share = max(figures["cpu_share"])
        faults.append(f"busy: a process took {share:.0%} of a core, allowed {bounds.max_cpu_share:.0%}")
    least_per_s = bounds.least_rate_share * figures["drawn_rate_per_s"]
    if figures["achieved_rate_per_s"] < least_per_s:
        faults.append(f"too slow: {figures['achieved_rate_per_s']:.1f}/s sent, at least {least_per_s:.1f}/s due")
    return faults


def _server(run: Run) -> dict[str, float] | None:
    if run.server_cpu_s is None:
        return None
    return {
        "cpu_s": run.server_cpu_s,
        "cpu_share": run.server_cpu_s / run.duration_s,
        "cpu_us_per_request": 1e6 * run.server_cpu_s / max(1, len(run.records)),
    }
