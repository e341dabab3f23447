"""Compare the levels of MGRR-Net: python -m model.face_au.benchmark --data-dir DIR --out DIR.

Every finished run is a line of OUT/rows.jsonl and is never run again; a killed one goes on where it was. --rows FILE
shows kept rows and runs nothing.
"""

import argparse
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from model.benchmark_rows import ROWS_FILE, Row, Rows, key_of, perform
from model.face_au.benchmark.ablation import VARIANTS, ablation_runs
from model.face_au.benchmark.table import plot, table
from model.face_au.config import load_config
from model.face_au.data import load_parts

logger = logging.getLogger(__name__)
DATASET = "weak"
COMMAND = "python -m model.face_au.benchmark --data-dir data/faces --out runs/face-au-benchmark"
CONFIG = Path(__file__).parents[1] / "ablation.toml"


def run_rows(arguments: argparse.Namespace) -> list[Row]:
    """Perform what is missing; the rows of everything that was asked for."""
    config = load_config(arguments.config)
    parts = load_parts(DATASET, arguments.data_dir, config.network.aus)
    runs = ablation_runs(config, DATASET, parts, arguments.data_dir, range(arguments.seeds))
    rows = Rows(arguments.out / ROWS_FILE)
    finished = {key_of(row) for row in rows.of(runs)}
    missing = [run for run in runs if run.key not in finished]
    for run in tqdm(missing, desc="ablation", unit="run"):
        perform(run, arguments.out, device="cpu", command=COMMAND)
    return rows.of(runs)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_au.benchmark", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="folder of the weakly labelled faces")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ...")
    parser.add_argument("--out", type=Path, required=True, help="rows.jsonl, the plot, and work in progress")
    parser.add_argument("--rows", type=Path, help="table and plot of this file's rows; runs nothing")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if arguments.rows is None and arguments.data_dir is None:
            raise ValueError("expected --data-dir or --rows, got neither")
        rows = Rows(arguments.rows).read() if arguments.rows else run_rows(arguments)
        rows = [row for row in rows if row["variant"] in VARIANTS]
        if not rows:
            raise ValueError(f"expected rows of the ablation in {arguments.rows}, got none")
        sys.stdout.write(table(rows) + "\n")
        logger.info("plot: %s", plot(rows, arguments.out))
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
