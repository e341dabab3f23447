"""What reading one sentence costs: python -m model.image_text.benchmark.reading --graph FILE ... --out DIR.

The transformer and each graph of python -m model.image_text.sentence_graph take turns, so that other work on the
machine slows all alike. Rows go to OUT/reading_rows.jsonl.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from model.image_text.benchmark.rows import Row, Rows
from model.image_text.sentence_encoder import SentenceEncoder, packaged_encoder

ROWS_FILE = "reading_rows.jsonl"
MAX_WORDS = 32
SENTENCES = (
    "a dog runs over the grass",
    "a man with a guitar before a red wall",
    "a black and white photograph of a woman's face in profile",
    "two people walk along a street at night while the rain falls on the cars",
)
WARM_UP = 10


def measure(encoders: Mapping[str, SentenceEncoder], turns: int) -> list[Row]:
    """CPU ms of one sentence at a time, on one thread: p50, p90 and mean of each encoder."""
    torch.set_num_threads(1)
    spent: dict[str, list[float]] = {name: [] for name in encoders}
    for turn in range(-WARM_UP, turns):
        # Another sentence every time: what was read last is remembered.
        sentence = f"{SENTENCES[turn % len(SENTENCES)]} {turn + WARM_UP}"
        for name, encoder in encoders.items():
            started_s = time.process_time()
            encoder.read([sentence])
            if turn >= 0:
                spent[name].append(1000 * (time.process_time() - started_s))
    return [{"reader": name, "turns": turns, "cpu_ms": _quantiles(values)} for name, values in spent.items()]


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    found = {f"p{share}": round(float(np.percentile(values, share)), 2) for share in (50, 90)}
    return found | {"mean": round(float(np.mean(values)), 2)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.benchmark.reading", description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of the encoder; the packaged one where absent")
    parser.add_argument("--graph", type=Path, action="append", default=[], help="a graph of it; repeat for several")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        folder = arguments.weights or packaged_encoder()
        encoders = {"transformer": SentenceEncoder(folder, MAX_WORDS)}
        encoders |= {path.stem: SentenceEncoder(folder, MAX_WORDS, path) for path in arguments.graph}
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for row in measure(encoders, arguments.turns):
        Rows(arguments.out / ROWS_FILE).add(row)
        sys.stdout.write(f"{row['reader']}: {row['cpu_ms']} ms of CPU\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
