"""Where the CPU of a request goes: python -m loadtest.speed.flame --release-root RELEASES --cell NAME --out FLAME.svg.

Samples the stacks of the service's processes with py-spy (extra `bench`) while a cell of loadtest.speed is asked, and
draws them. Sampling may need the right to trace another process (root, or kernel.yama.ptrace_scope = 0).
"""

import argparse
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest.speed.cell import Cell, matrix
from loadtest.speed.listeners import Listeners
from loadtest.speed.measurement import InvalidCellError, Target, drive_apart, written_bodies
from loadtest.speed.served_cell import num_items, start, target_of
from loadtest.speed.servers import Servers, StartError, end_on_sigterm
from model.release import ReleaseError

logger = logging.getLogger(__name__)

SECONDS = 15
SAMPLES_PER_S = 200
MARGIN_S = 3


def sampler() -> str:
    """The py-spy program, beside this interpreter or on PATH; raises ValueError where there is none."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise ValueError("expected py-spy on PATH, found none: pip install '.[bench]'")
    return found


def record(target: Target, concurrency: int, out: Path, *, seconds: int = SECONDS) -> None:
    """Draw a flame graph of what the server does while it is asked; raises OSError where py-spy fails."""
    with written_bodies(target) as bodies:
        drive_apart(target, bodies, concurrency, seconds=seconds, count=target.warm_up)
        command = [sampler(), "record", "--pid", str(target.pid), "--subprocesses", "--duration", str(seconds)]
        command += ["--rate", str(SAMPLES_PER_S), "--nonblocking", "--output", str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
            drive_apart(target, bodies, concurrency, seconds=seconds + MARGIN_S)
            told, _ = running.communicate()
    if running.returncode or not out.exists():
        raise OSError(f"py-spy ended with status {running.returncode}: {told.strip()}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.flame", description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--cell", help="name of a cell, see python -m loadtest.speed --list; default: the goal's")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--out", type=Path, required=True, help="SVG to write")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    end_on_sigterm()
    try:
        sampler()
        size = num_items(arguments.release_root)
        cells = {cell.name: cell for cell in matrix([size], workers=1)}
        name = arguments.cell or Cell(size).name
        if name not in cells:
            raise ValueError(f"expected one of {', '.join(cells)}, got {name!r}")
        cell = cells[name]
        with tempfile.TemporaryDirectory() as logs, Servers(Path(logs)) as servers:
            address = start(servers, cell, arguments.release_root, {})
            listeners = Listeners.of_release(arguments.release_root, cell.history_events)
            if cell.history == "stored":
                listeners.plant(address)
            target = target_of(cell, listeners, address, servers)
            record(target, cell.concurrency, arguments.out, seconds=arguments.seconds)
    except (ValueError, OSError, StartError, InvalidCellError, ReleaseError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(f"{arguments.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
