"""How far from the limit: python -m loadtest.speed.limit --release-root RELEASES [--rows OUT/rows.jsonl].

Counts the operations and bytes that a warm and a cold request cannot do without, measures what one core of this machine
reads and multiplies, and what HTTP alone costs, and puts the sum beside what was measured.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loadtest.speed.listeners import NUM_LISTENERS, Listeners
from loadtest.speed.measurement import InvalidCellError, Target, measure
from loadtest.speed.rates import flops_per_s, read_bytes_per_s
from loadtest.speed.rows import machine
from loadtest.speed.servers import Servers, StartError, end_on_sigterm, free_port
from loadtest.speed.work import Asked, Work, cold_work, warm_work
from model.benchmark_rows import Row, Rows
from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE
from model.release import ReleaseError, current_release

logger = logging.getLogger(__name__)

ANSWER_BYTES = 10_000
SATURATION = 16


def asked_of(catalogue: Catalogue, attribute: str, conditions: int, history_events: int) -> Asked:
    """The mean question: conditions of the size that a value of the attribute has on average."""
    own = catalogue.attributes[attribute]
    counts = np.bincount(catalogue.value_ids, minlength=catalogue.num_values)
    mean = round(counts[own.first_value : own.first_value + len(own.values)].mean())
    return Asked(history_events, [mean] * conditions, len(catalogue), NUM_LISTENERS)


def bound_us(work: Work) -> float:
    """The longer of reading the bytes and doing the operations, in microseconds of one core."""
    return 1e6 * max(work.bytes / read_bytes_per_s(work.resident_bytes), work.flops / flops_per_s())


def transport_us(
    bodies: Sequence[dict[str, object]], answer_bytes: int = ANSWER_BYTES, min_cpu_s: float = 1.5
) -> float:
    """CPU-microseconds per request of uvicorn alone, for these bodies and an answer of that size."""
    port = free_port()
    command = [sys.executable, "-m", "loadtest.speed.transport", "--port", str(port)]
    with tempfile.TemporaryDirectory() as logs, Servers(Path(logs)) as servers:
        address = servers.start_http("transport", [*command, "--answer-bytes", str(answer_bytes)], {}, port, "/health")
        target = Target(f"{address}/recommend", bodies, servers.pids["transport"], {}, warm_up=200)
        return float(measure(target, SATURATION, min_cpu_s=min_cpu_s)["server_cpu_us_per_request"])


def limit_table(parts: Sequence[Work], http_us: float, measured: Row | None) -> str:
    """A line per part, the sum, and the measured cost."""
    lines = ["| part | FLOP | bytes | read GB/s | at least us |", "|--|--|--|--|--|"]
    for work in parts:
        rate = read_bytes_per_s(work.resident_bytes) / 1e9
        lines.append(f"| {work.name} | {work.flops:,} | {work.bytes:,} | {rate:.1f} | {bound_us(work):,.1f} |")
    arithmetic_us = sum(map(bound_us, parts))
    total_us = arithmetic_us + http_us
    lines.append(f"| HTTP alone, uvicorn | | | | {http_us:,.1f} |")
    lines.append(
        f"| sum | {sum(work.flops for work in parts):,} | {sum(work.bytes for work in parts):,} | | {total_us:,.1f} |"
    )
    if measured is not None:
        cost_us = measured["figures"]["server_cpu_us_per_request"]
        lines.append(f"| measured, whole request | | | | {cost_us:,.0f} ({cost_us / total_us:.1f}x) |")
        stages = measured["figures"]["stages_ms"]
        if "retrieval" in stages:
            spent_us = 1000 * stages["retrieval"]
            lines.append(f"| measured, stage retrieval | | | | {spent_us:,.0f} ({spent_us / arithmetic_us:.1f}x) |")
    return "\n".join(lines) + "\n"


def measured_row(rows: Sequence[Row], name: str) -> Row | None:
    """The newest row of a cell, one request in flight: nobody else's wait is in its stages."""
    return next((row for row in reversed(rows) if row["name"] == name), None)


def report(root: Path, rows: Sequence[Row], conditions: int, history_events: int) -> str:
    """The table of a warm and of a cold request, and what the machine was found to do."""
    folder = current_release(root)
    network = ClimberPilotConfig.from_json((folder / CONFIG_FILE).read_text()).network
    listeners = Listeners.of_release(root, history_events)
    catalogue = Catalogue.load(folder / CATALOGUE_FILE)
    asked = asked_of(catalogue, listeners.attribute, conditions, history_events)
    http_us = transport_us(listeners.questions(conditions))
    parts = {"warm": warm_work(network, asked), "cold": cold_work(network, asked)}
    text = (
        f"P = {conditions}, history {history_events}, {len(catalogue):,} items, {asked.eligible[0]:,} eligible "
        f"per condition, width {network.width}\n{machine()}: {flops_per_s() / 1e9:.0f} GFLOP/s on one core\n"
    )
    for cache, own in parts.items():
        name = f"{cache}-p{conditions}-n{history_events}-v{len(catalogue)}-json-stored-w1-c1"
        text += f"\n{cache}\n\n" + limit_table(own, http_us, measured_row(rows, name))
    return text


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.limit", description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--rows", type=Path, help="rows.jsonl of python -m loadtest.speed")
    parser.add_argument("--conditions", type=int, default=4)
    parser.add_argument("--history-events", type=int, default=100)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    end_on_sigterm()
    try:
        rows = Rows(arguments.rows).read() if arguments.rows else []
        text = report(arguments.release_root, rows, arguments.conditions, arguments.history_events)
    except (ValueError, OSError, StartError, InvalidCellError, ReleaseError, json.JSONDecodeError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
