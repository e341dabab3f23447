"""Train and compare: python -m model.climber_pilot.benchmark --suite S --dataset D --seeds N --out DIR.

Every finished run is one line of OUT/rows.jsonl and is never run again; a run that was killed goes on where it was.
--rows FILE shows the rows that were kept and runs nothing.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from model.benchmark_rows import ROWS_FILE, Row, Rows, Run, key_of, perform
from model.climber_pilot.benchmark.configurations import shipped_config
from model.climber_pilot.benchmark.instructions import InstructionsSuite
from model.climber_pilot.benchmark.retrieval import RetrievalSuite
from model.climber_pilot.benchmark.suite import Suite
from model.climber_pilot.benchmark.tamip import TamipSuite
from model.climber_pilot.config import load_config
from model.climber_pilot.train import DEVICES
from model.datasets.registry import load_dataset

logger = logging.getLogger(__name__)

SUITES: dict[str, Suite] = {suite.name: suite for suite in (RetrievalSuite(), TamipSuite(), InstructionsSuite())}


def perform_missing(runs: Sequence[Run], out: Path, *, device: str, command: str) -> list[Row]:
    """Perform the runs that have no row yet; the rows of all of them. Raises ValueError before the first where one
    cannot start."""
    rows = Rows(out / ROWS_FILE)
    finished = {key_of(row) for row in rows.of(runs)}
    missing = [run for run in runs if run.key not in finished]
    for run in missing:
        run.ready()
    with tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
        for run in missing:
            bar.set_description(f"{run.dataset}: {run.variant}, seed {run.seed}")
            perform(run, out, device=device, command=command)
            bar.update()
    return rows.of(runs)


def chosen(runs: Sequence[Run], variants: str | None) -> list[Run]:
    """The runs of the variants named, separated by commas; all where None. Raises ValueError for an unknown one."""
    if variants is None:
        return list(runs)
    known = list(dict.fromkeys(run.variant for run in runs))
    names, parts = [], [part.strip() for part in variants.split(",")]
    while parts:
        # A name may hold a comma itself: the longest one that is known is meant.
        lengths = [n for n in range(len(parts), 0, -1) if ", ".join(parts[:n]) in known]
        if not lengths:
            raise ValueError(f"expected variants among {'; '.join(known)}, got {parts[0]!r}")
        names.append(", ".join(parts[: lengths[0]]))
        parts = parts[lengths[0] :]
    return [run for run in runs if run.variant in names]


def command_of(arguments: argparse.Namespace) -> str:
    """The command that repeats the rows anywhere: without the folders of this machine and the choice of variants."""
    words = ["python", "-m", "model.climber_pilot.benchmark", "--suite", arguments.suite]
    words += ["--dataset", arguments.dataset, "--seeds", str(arguments.seeds)]
    if arguments.data_dir is not None:
        words += ["--data-dir", "data/rec"]
    if arguments.config is not None:
        here, config = Path.cwd(), arguments.config.absolute()
        words += ["--config", str(config.relative_to(here) if config.is_relative_to(here) else config.name)]
    if arguments.device != "cpu":
        words += ["--device", arguments.device]
    if arguments.skip_bad_rows:
        words.append("--skip-bad-rows")
    return shlex.join([*words, "--out", "runs/benchmark"])


def run_rows(arguments: argparse.Namespace, suite: Suite) -> list[Row]:
    """Perform what was asked for and is missing; raises ValueError for what cannot be asked."""
    if arguments.dataset is None:
        raise ValueError("expected --dataset, got none")
    if arguments.seeds < 1:
        raise ValueError(f"expected --seeds of at least 1, got {arguments.seeds}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("expected a CUDA device and a CUDA build of torch for --device cuda, found none")
    config = load_config(arguments.config) if arguments.config else shipped_config(arguments.dataset)
    dataset = load_dataset(arguments.dataset, arguments.data_dir, skip_bad_rows=arguments.skip_bad_rows)
    runs = chosen(suite.runs(dataset, config, range(arguments.seeds), arguments.device), arguments.variants)
    return perform_missing(runs, arguments.out, device=arguments.device, command=command_of(arguments))


def kept_rows(arguments: argparse.Namespace) -> list[Row]:
    """The rows of a file that belong to the suite, and to the dataset where one is named."""
    rows = [row for row in Rows(arguments.rows).read() if row["suite"] == arguments.suite]
    rows = [row for row in rows if arguments.dataset in (None, row["dataset"])]
    if not rows:
        raise ValueError(f"expected rows of {arguments.suite} in {arguments.rows}, found none")
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.benchmark", description=__doc__)
    parser.add_argument("--suite", choices=sorted(SUITES), default="retrieval")
    parser.add_argument("--dataset", help="a name of `python -m model.datasets`; may be left out with --rows")
    parser.add_argument("--data-dir", type=Path, help="folder with the data; default: the variable REC_DATA_DIR")
    parser.add_argument("--seeds", type=int, default=5, help="how many: 0, 1, ...")
    parser.add_argument("--out", type=Path, required=True, help="rows.jsonl, plots, and work in progress")
    parser.add_argument("--config", type=Path, help="TOML file; default: the one shipped for the dataset")
    parser.add_argument("--variants", help="names separated by commas; default: all of the suite")
    parser.add_argument("--rows", type=Path, help="table and plots of this file's rows of the suite; runs nothing")
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--skip-bad-rows", action="store_true")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        suite = SUITES[arguments.suite]
        rows = kept_rows(arguments) if arguments.rows else run_rows(arguments, suite)
        table = suite.table(rows)
        plots = suite.plots(rows, arguments.out)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(table + "\n")
    for path in plots:
        logger.info("plot: %s", path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
