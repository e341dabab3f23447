"""Load that does not wait for the server: python -m loadtest.open_loop --url URL --rate R --duration-s S --out DIR.

Every request has its moment before the run starts (Poisson); latency counts from that moment. Writes report.json and
report.html. Exit status 2 where nothing was measured or the generator could not keep up.
"""

import argparse
import logging
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from loadtest.open_loop.closed_loop import ClosedLoop
from loadtest.open_loop.fleet import Load, measure
from loadtest.open_loop.histogram import Histogram
from loadtest.open_loop.options import bounds_of, load_of, parser, search_of
from loadtest.open_loop.planting import plant
from loadtest.open_loop.process_tree import stall_at
from loadtest.open_loop.report import text, write_report
from loadtest.open_loop.schedule import Phase
from loadtest.open_loop.summary import summarise
from loadtest.open_loop.sweep import sweep

logger = logging.getLogger(__name__)
CLOSED_LOOP_RATE = 20.0


def main(argv: list[str] | None = None) -> int:
    """Measure and report; 2 where there is nothing to report."""
    arguments = parser(__doc__).parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if arguments.plant_stall_ms is not None and (arguments.server_pid is None or arguments.sweep):
            raise ValueError("expected --plant-stall-ms with --server-pid and without --sweep")
        load = load_of(arguments)
        if arguments.plant_users:
            _plant(load, arguments)
        report = _swept(load, arguments) if arguments.sweep else _measured(load, arguments)
        write_report(report, arguments.out)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(text(report))
    return 2 if report["faults"] else 0


def _plant(load: Load, arguments: argparse.Namespace) -> None:
    events = arguments.history_events
    stored = plant(
        load.targets[0], load.vocabulary, load.habits, users=arguments.plant_users, events=events, seed=arguments.seed
    )
    logger.info("%d users with %d events each, %d of them new", arguments.plant_users, events, stored)


def _measured(load: Load, arguments: argparse.Namespace) -> dict[str, Any]:
    beside: list[Any] = []
    closed_rate = arguments.closed_loop_rate
    if arguments.plant_stall_ms is not None:
        after_s, lasts_s = arguments.plant_stall_at_s, arguments.plant_stall_ms / 1000
        beside.append(partial(stall_at, arguments.server_pid, after_s, lasts_s))
        closed_rate = closed_rate or CLOSED_LOOP_RATE
    closed = None
    if closed_rate:
        closed = ClosedLoop(load, rate_per_s=closed_rate, duration_s=arguments.duration_s, seed=arguments.seed)
        beside.append(closed)
    phases = [Phase(arguments.rate, arguments.duration_s)]
    if arguments.warmup_s > 0:
        phases.insert(0, Phase(arguments.rate, arguments.warmup_s, counted=False))
    measured = summarise(measure(load, phases, seed=arguments.seed, beside=beside), bounds_of(arguments))
    report = {**_about(arguments, "Open loop"), "faults": measured["generator"]["faults"], "measured": measured}
    if closed is not None:
        latencies = Histogram(closed.latency_ms)
        report["closed_loop"] = {
            "latency_ms": latencies.summary(),
            "curve": [list(point) for point in latencies.curve()],
            "histogram": latencies.encoded(),
        }
    return report


def _swept(load: Load, arguments: argparse.Namespace) -> dict[str, Any]:
    found, faults = sweep(load, search_of(arguments), bounds_of(arguments), seed=arguments.seed)
    return {**_about(arguments, "Open loop sweep"), "faults": faults, "sweep": found}


def _about(arguments: argparse.Namespace, title: str) -> dict[str, Any]:
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()}
    return {"title": title, "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "asked": asked}


if __name__ == "__main__":
    sys.exit(main())
