"""CPU time and agreement of every runtime on a release: python -m model.climber_pilot.runtimes.bench --release DIR.

Two kinds of rows. "history": a user's history read into a state, as served, error and overlap of the query vectors
against NumPy's. "step": the bare ExtendStep for B users at once, error against PyTorch's keys, values and rows.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from model.climber_pilot.inference import Retriever
from model.climber_pilot.onnx_export import export_graphs
from model.climber_pilot.runtimes.onnx_runtime import graph_file
from model.climber_pilot.runtimes.probe import CANDIDATES, Histories, Probe
from model.climber_pilot.runtimes.registry import load_runtime
from model.climber_pilot.runtimes.runtime import RUNTIMES, Extend, Runtime, RuntimeName, RuntimeUnavailableError
from model.climber_pilot.towers import Network, networks_of
from model.condition import Condition
from model.release import ReleaseError

LENGTHS, BATCHES = (100, 500, 1000), (1, 8)
HISTORIES = 16
MAX_REPEATS, ENOUGH_S = 25, 0.25


class Bench:
    """One release's rows. folder: where its graphs are."""

    def __init__(self, retriever: Retriever, model: Network, folder: Path) -> None:
        assert retriever._states is not None
        self._retriever, self._path = retriever, retriever._states
        self._model, self._folder = model, folder
        self._vectors = networks_of(model)[0].items().detach().numpy()

    def rows(self, names: tuple[RuntimeName, ...]) -> Iterator[dict[str, Any]]:
        """Every row of the runtimes that can be had here."""
        for name in tqdm(names, file=sys.stderr, unit="runtime"):
            try:
                runtime = load_runtime(name, self._model, self._folder)
            except RuntimeUnavailableError as error:
                yield {"runtime": name, "unavailable": str(error)}
                continue
            for length in LENGTHS:
                if length <= self._retriever.max_history:
                    yield self._history(name, runtime, length)
                    if runtime.extend is not None:
                        yield from self._steps(name, runtime.extend[0], length)

    def _history(self, name: RuntimeName, runtime: Runtime, length: int) -> dict[str, Any]:
        histories = Histories.seeded(self._retriever.popularity, length, HISTORIES)
        conditions = (Condition(), Condition.of(0)) if self._retriever.catalogue.num_values else (Condition(),)
        items = self._retriever.vectors
        measured, _ = Probe(self._model, self._path, items, histories, conditions, self._folder).row(name)
        self._path.read_by(runtime)
        rows, time_s = histories.rows[0], histories.time_s[0]
        before = self._path.state(rows[:-1], time_s[:-1])
        event_us = _cpu_us(lambda: self._path.state(rows, time_s, before))
        figures = {"cpu_us": measured.pass_us, "error": measured.error, "overlap": measured.overlap}
        return {"runtime": name, "what": "history", "users": 1, "events": length, **figures, "one_more_us": event_us}

    def _steps(self, name: RuntimeName, extend: Extend, length: int) -> Iterator[dict[str, Any]]:
        (exact, *_) = load_runtime("eager", self._model, self._folder).extend or ()
        for users in BATCHES:
            for past, new in ((0, length), (length - 1, 1)):
                given = self._arguments(users, past, new)
                error = max(float(np.abs(a - b).max()) for a, b in zip(exact(*given), extend(*given), strict=True))
                cpu_us = _cpu_us(partial(extend, *given))
                shape = {"what": "step", "users": users, "kept": past, "events": new}
                yield {"runtime": name, **shape, "cpu_us": cpu_us, "cpu_us_per_user": cpu_us / users, "error": error}

    def _arguments(self, users: int, past: int, new: int) -> tuple[np.ndarray, ...]:
        rng, config = np.random.default_rng(0), networks_of(self._model)[0].config
        kept = (users, config.num_layers + 1, past, config.width)
        times = 1_700_000_000 + np.cumsum(rng.exponential(40_000, (users, past + new)).astype(np.int64), 1)
        return (
            rng.standard_normal(kept, dtype=np.float32),
            rng.standard_normal(kept, dtype=np.float32),
            times[:, :past].copy(),
            np.full(users, past),
            self._vectors[rng.integers(0, len(self._vectors), (users, new))],
            times[:, past:].copy(),
            np.full(users, new),
        )


def _cpu_us(call: Callable[[], object]) -> float:
    """Median CPU time of this thread, of few calls where they are long."""
    call()
    spent_s: list[float] = []
    while len(spent_s) < MAX_REPEATS and (len(spent_s) < 3 or sum(spent_s) < ENOUGH_S):
        start_s = time.thread_time()
        call()
        spent_s.append(time.thread_time() - start_s)
    return float(np.median(spent_s)) * 1e6


def _conditions_of_measurement() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    versions = {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    machine = f"{models[0] if models else platform.machine()}, 1 thread"
    clock = {"unit": "microseconds of CPU time of the thread, median"}
    return {**clock, "machine": machine, **versions, "date": datetime.now(UTC).strftime("%Y-%m-%d")}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.runtimes.bench", description=__doc__)
    parser.add_argument("--release", type=Path, required=True, help="folder of one release")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=list(CANDIDATES))
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        retriever = Retriever.load(arguments.release)
    except (ReleaseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if retriever._states is None:
        sys.stderr.write("expected a release whose conditions guide the attention: nothing else has runtimes\n")
        return 2
    about = _conditions_of_measurement()
    with tempfile.TemporaryDirectory() as scratch, arguments.out.open("w") as out:
        folder = arguments.release
        if not (folder / graph_file("onnx", 0)).is_file():
            folder = Path(scratch)
            export_graphs(retriever._model, folder)
        with torch.inference_mode():
            for row in Bench(retriever, retriever._model, folder).rows(tuple(arguments.runtimes)):
                out.write(json.dumps({**_rounded(row), **about}) + "\n")
                out.flush()
    return 0


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in row.items()}


if __name__ == "__main__":
    sys.exit(main())
