"""What a request costs: python -m loadtest.speed --release-root RELEASES --out DIR.

Starts redis-server and the service, plants users with histories and measures the CPU of the service's whole process
tree per request, cell by cell. Every measured cell is a line of OUT/rows.jsonl; a run that was stopped goes on where it
was, and --cell NAME measures one cell alone. Several --release-root compare catalogues; the first gets every cell.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from loadtest.speed.cell import Cell, matrix
from loadtest.speed.listeners import Listeners
from loadtest.speed.measurement import MIN_CPU_S, InvalidCellError, measure
from loadtest.speed.plots import plot_costs, plot_stages
from loadtest.speed.rows import finished, keep, row
from loadtest.speed.served_cell import num_items, start, target_of
from loadtest.speed.servers import Servers, StartError, end_on_sigterm
from loadtest.speed.table import cost_table, goal_table, stage_table
from model.benchmark_rows import Row
from model.release import ReleaseError, current_release, git_revision

logger = logging.getLogger(__name__)

KIND = "speed"


def measure_missing(
    cells: Sequence[Cell], roots: dict[int, Path], out: Path, *, min_cpu_s: float, settings: dict[str, str]
) -> list[Row]:
    """Measure the cells that have no row of this revision yet; the rows of all of them."""
    releases = {size: current_release(root).name for size, root in roots.items()}
    known = finished(out, KIND, git_revision(), list(releases.values()), settings)
    with tqdm(total=len(cells), initial=sum(cell.name in known for cell in cells), unit="cell") as bar:
        for server, group in groupby(cells, lambda cell: cell.server):
            missing = [cell for cell in group if cell.name not in known]
            if not missing:
                continue
            bar.set_description(f"{server[0]:,} items, {server[1]}")
            with Servers(out / "logs") as servers:
                address = start(servers, missing[0], roots[server[0]], settings)
                planted: set[int] = set()
                for cell in missing:
                    bar.set_postfix_str(cell.name)
                    listeners = Listeners.of_release(roots[cell.num_items], cell.history_events)
                    if cell.history == "stored" and cell.history_events not in planted:
                        listeners.plant(address)
                        planted.add(cell.history_events)
                    figures = measure(
                        target_of(cell, listeners, address, servers), cell.concurrency, min_cpu_s=min_cpu_s
                    )
                    known[cell.name] = row(
                        KIND, cell.name, cell.to_json(), figures, release=releases[cell.num_items], settings=settings
                    )
                    keep(out, known[cell.name])
                    bar.update()
    return [known[cell.name] for cell in cells]


def write_report(rows: Sequence[Row], out: Path) -> str:
    """Write OUT/report.md and the plots; the text."""
    parts = [goal_table(rows), cost_table(rows), stage_table(rows)]
    facts = {(row["device"], row["git_revision"], row["date"]) for row in rows}
    parts += ["\n".join(f"{device}, revision {revision}, {date}" for device, revision, date in sorted(facts)) + "\n"]
    text = "\n".join(parts)
    (out / "report.md").write_text(text)
    plot_costs(rows, out)
    plot_stages(rows, out)
    return text


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed", description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True, action="append", help="folder of releases")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the service")
    parser.add_argument("--cell", action="append", help="measure the cells whose name holds this text alone")
    parser.add_argument("--min-cpu-s", type=float, default=MIN_CPU_S, help="server CPU that a cell lasts at least")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a REC_ setting, for ablations"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cells and measure nothing")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    end_on_sigterm()
    try:
        roots = {num_items(root): root for root in arguments.release_root}
        cells = matrix(list(roots), arguments.workers)
        if arguments.cell:
            cells = [cell for cell in cells if any(text in cell.name for text in arguments.cell)]
        if not cells:
            raise ValueError(f"expected --cell to be part of a cell's name, see --list; got {arguments.cell}")
        if arguments.list:
            sys.stdout.write("".join(f"{cell.name}\n" for cell in cells))
            return 0
        settings = dict(entry.split("=", 1) for entry in arguments.set)
        rows = measure_missing(cells, roots, arguments.out, min_cpu_s=arguments.min_cpu_s, settings=settings)
        sys.stdout.write(write_report(rows, arguments.out))
    except (ValueError, OSError, StartError, InvalidCellError, ReleaseError) as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
