"""Compare ways to train the describer: python -m model.face_description.benchmark --data-dir D --cache D --out DIR.

Every finished run is a line of OUT/rows.jsonl and is never run again; a killed one goes on where it was. --rows FILE
shows kept rows and runs nothing.
"""

import argparse
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from model.benchmark_rows import ROWS_FILE, Row, Rows, key_of, perform
from model.face_description.benchmark.table import plot, table
from model.face_description.benchmark.variants import VARIANTS, Parts, variant_runs
from model.face_description.config import load_config
from model.face_description.faces import load_faces
from model.face_description.prepared import prepare
from model.face_description.stem_weights import load_stem

logger = logging.getLogger(__name__)
COMMAND = "python -m model.face_description.benchmark --data-dir data/faces --cache runs/faces --out runs/descriptions"
CONFIG = Path(__file__).parents[1] / "small.toml"


def run_rows(arguments: argparse.Namespace) -> list[Row]:
    """Perform what is missing; the rows of everything that was asked for."""
    faces, stem = load_faces(arguments.data_dir), load_stem()
    parts = Parts(
        train=prepare(faces, "train", stem, arguments.cache),
        validation=prepare(faces, "validation", stem, arguments.cache),
        test=prepare(faces, "test", stem, arguments.cache),
    )
    runs = variant_runs(load_config(arguments.config), parts, arguments.variants, range(arguments.seeds))
    rows = Rows(arguments.out / ROWS_FILE)
    finished = {key_of(row) for row in rows.of(runs)}
    for run in tqdm([one for one in runs if one.key not in finished], desc="variants", unit="run", disable=None):
        perform(run, arguments.out, device="cpu", command=COMMAND)
    return rows.of(runs)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.benchmark", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="folder with fer2013/ and utkface/")
    parser.add_argument("--cache", type=Path, help="where prepared faces are kept")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=1, help="how many: 0, 1, ...")
    parser.add_argument("--out", type=Path, required=True, help="rows.jsonl, the plot, and work in progress")
    parser.add_argument("--rows", type=Path, help="table and plot of this file's rows; runs nothing")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if arguments.rows is None and (arguments.data_dir is None or arguments.cache is None):
            raise ValueError("expected --data-dir and --cache, or --rows")
        rows = Rows(arguments.rows).read() if arguments.rows else run_rows(arguments)
        sys.stdout.write(table(rows) + "\n")
        logger.info("plot: %s", plot(rows, arguments.out))
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
