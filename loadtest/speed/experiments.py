"""What an experiment costs: python -m loadtest.speed.experiments --release-root RELEASES --out DIR.

Four services run at the same time and are asked in turn: without an experiment, with arms alone, with exposures logged,
and with lists drawn at random. OUT/rows.jsonl gets a row for each at every concurrency; what it has is not measured
again.
"""

import argparse
import json
import logging
import sys
from contextlib import ExitStack
from pathlib import Path

from loadtest.speed.cell import CONCURRENCIES, Cell
from loadtest.speed.listeners import Listeners
from loadtest.speed.measurement import MIN_CPU_S, InvalidCellError, Target, measure_in_turn
from loadtest.speed.rows import finished, keep, row
from loadtest.speed.served_cell import num_items, start, target_of
from loadtest.speed.servers import Servers, StartError, end_on_sigterm
from model.benchmark_rows import Row
from model.release import ReleaseError, current_release, git_revision

logger = logging.getLogger(__name__)

KIND = "experiments"
HALVES = {"name": "cost", "arms": [{"name": "one", "share": 0.5}, {"name": "other", "share": 0.5}]}
DRAWN = {"name": "cost", "arms": [{"name": "drawn", "share": 1, "exploration": {"temperature": 0.05}}]}
VARIANTS = {
    "none": {},
    "arms": {"REC_EXPERIMENT": json.dumps(HALVES), "REC_EXPOSURE_SHARE": "0"},
    "logged": {"REC_EXPERIMENT": json.dumps(HALVES)},
    "drawn": {"REC_EXPERIMENT": json.dumps(DRAWN)},
}
"""REC_ settings; each has what the one before has, and the last draws every list of all users."""
# Each would choose for itself, by what it measures at start, and they are to differ in the experiment alone.
ALIKE = {"REC_RUNTIME": "numpy"}


def compare(root: Path, out: Path, *, min_cpu_s: float) -> list[Row]:
    """Rows of all variants, each concurrency's together."""
    release, size = current_release(root).name, num_items(root)
    known = finished(out, KIND, git_revision(), [release])
    missing = [number for number in CONCURRENCIES if any(_name(one, number) not in known for one in VARIANTS)]
    if missing:
        with ExitStack() as stack:
            targets = [_started(stack, root, out, Cell(size), variant) for variant in VARIANTS]
            for number in missing:
                figures = measure_in_turn(targets, number, min_cpu_s=min_cpu_s)
                for variant, found in zip(VARIANTS, figures, strict=True):
                    cell = Cell(size, concurrency=number).to_json() | {"experiment": variant}
                    one = row(KIND, _name(variant, number), cell, found, release=release)
                    known[one["name"]] = one
                    keep(out, one)
    return [known[_name(variant, number)] for number in CONCURRENCIES for variant in VARIANTS]


def experiment_table(rows: list[Row]) -> str:
    """A line per variant: CPU per request at every concurrency, and what that is beyond no experiment."""
    costs = {row["name"]: row["figures"]["server_cpu_us_per_request"] for row in rows}
    lines = ["| experiment | " + " | ".join(f"{number} in flight, us (more)" for number in CONCURRENCIES) + " |"]
    lines.append("|--" * (1 + len(CONCURRENCIES)) + "|")
    plain = next(iter(VARIANTS))
    for variant in VARIANTS:
        cells = [(costs[_name(variant, number)], costs[_name(plain, number)]) for number in CONCURRENCIES]
        shown = [f"{cost:,.0f} ({cost - base:+,.0f})" for cost, base in cells]
        lines.append(f"| {variant} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def _started(stack: ExitStack, root: Path, out: Path, cell: Cell, variant: str) -> Target:
    servers = stack.enter_context(Servers(out / "logs" / variant))
    address = start(servers, cell, root, ALIKE | VARIANTS[variant])
    listeners = Listeners.of_release(root, cell.history_events)
    listeners.plant(address)
    return target_of(cell, listeners, address, servers)


def _name(variant: str, concurrency: int) -> str:
    return f"{variant}, {concurrency} in flight"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.experiments", description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--min-cpu-s", type=float, default=MIN_CPU_S, help="server CPU that a cell lasts at least")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    end_on_sigterm()
    try:
        rows = compare(arguments.release_root, arguments.out, min_cpu_s=arguments.min_cpu_s)
    except (ValueError, OSError, StartError, InvalidCellError, ReleaseError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(experiment_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
