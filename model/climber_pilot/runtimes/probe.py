"""Probe: which runtime reads histories fastest on this machine without changing what a release recommends.

Every candidate reads the same seeded histories of the release's catalogue. NumPy's answers are the measure: a lossless
runtime must give the same query vectors, a lossy one the same lists.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.climber_pilot.runtimes.registry import load_runtime
from model.climber_pilot.runtimes.runtime import LOSSY, RUNTIMES, Runtime, RuntimeName, RuntimeUnavailableError
from model.climber_pilot.state_path import StatePath
from model.climber_pilot.towers import Network
from model.climber_pilot.user_state import UserState
from model.condition import Condition

AUTO, FASTEST = "auto", "fastest"
"""The fastest runtime that changes no list; the fastest that may serve, a lossy one that passes included."""
CANDIDATES: tuple[RuntimeName, ...] = ("numpy", "eager", "onnx", "onnx-int8", "bfloat16")
"""Without torch.compile, which takes longer to compile than a start may take."""
NUM_HISTORIES, HISTORY_EVENTS = 64, 100
TOP_K, MAX_COMPARED_ITEMS = 50, 50_000
MAX_ERROR, MIN_OVERLAP = 1e-4, 0.995
LOSSY_COST_SHARE = 0.9
"""A lossy runtime must cost less than this share of the best lossless one, or it is not worth the difference."""
MEAN_GAP_S = 40_000


class RuntimeRefusedError(ValueError):
    """The runtime that was asked for cannot be had or changes what is recommended; the message says which."""


@dataclass(frozen=True)
class ProbeRow:
    """One candidate's result.

    pass_us: CPU microseconds to read a history, the median; error: largest difference of a query vector's number
    overlap: mean share of the TOP_K items that NumPy finds too; refusal: why it may not serve, empty where it may
    The numbers are None where the runtime cannot be had.
    """

    name: RuntimeName
    pass_us: float | None
    error: float | None
    overlap: float | None
    refusal: str = ""


@dataclass(frozen=True)
class Chosen:
    """The runtime in force and how the candidates did; no rows where there was nothing to choose."""

    name: RuntimeName
    rows: tuple[ProbeRow, ...] = ()


@dataclass(frozen=True)
class Histories:
    """rows, time_s: int64 [histories, N]."""

    rows: np.ndarray
    time_s: np.ndarray

    @classmethod
    def seeded(cls, popularity: np.ndarray, num_events: int, num_histories: int = NUM_HISTORIES) -> "Histories":
        """Histories of items as popular as in training; popularity: [V]."""
        rng = np.random.default_rng(0)
        # One more for everybody, so that an item nobody had can be drawn and a new catalogue has weights at all.
        weights = popularity.astype(np.float64) + 1.0
        shape = (num_histories, num_events)
        rows = rng.choice(len(weights), size=shape, p=weights / weights.sum())
        gaps_s = rng.exponential(MEAN_GAP_S, size=shape).astype(np.int64)
        return cls(rows, 1_700_000_000 + np.cumsum(gaps_s, 1))


class Probe:
    """One release's candidates."""

    def __init__(
        self,
        model: Network,
        path: StatePath,
        items: np.ndarray,
        histories: Histories,
        conditions: tuple[Condition, ...],
        folder: Path,
    ) -> None:
        """path: what reads and asks; items: scored item vectors [V, D]; folder: the release's."""
        self._model, self._path, self._folder = model, path, folder
        self._histories, self._conditions = histories, conditions
        chosen = np.random.default_rng(0).permutation(len(items))[:MAX_COMPARED_ITEMS]
        self._items = items[np.sort(chosen)]
        _, self._vectors = self._measure(Runtime("numpy", None))
        self._lists = self._top(self._vectors)

    def choose(self, wanted: str) -> Chosen:
        """Put the runtime in force that is wanted: by its name, or AUTO or FASTEST, which measure all candidates.

        Raises RuntimeRefusedError where the one that was named is unavailable or disagrees.
        """
        measured = wanted in (AUTO, FASTEST)
        if not measured and wanted not in RUNTIMES:
            raise RuntimeRefusedError(f"expected a runtime of {(AUTO, FASTEST, *RUNTIMES)}, got {wanted!r}")
        names = [name for name in RUNTIMES if name in (wanted, "numpy") or (measured and name in CANDIDATES)]
        tried = {name: self.row(name) for name in names}
        rows = tuple(row for row, _ in tried.values())
        refusals = [row.refusal for row in rows if row.name == wanted and row.refusal]
        if refusals:
            raise RuntimeRefusedError(f"{wanted}: {refusals[0]}")
        name = fastest(rows, lossy=wanted == FASTEST) if measured else names[-1]
        runtime = tried[name][1]
        assert runtime is not None
        self._path.read_by(runtime)
        return Chosen(name, rows)

    def row(self, name: RuntimeName) -> tuple[ProbeRow, Runtime | None]:
        """Measure one runtime; None where it cannot be had."""
        try:
            runtime = load_runtime(name, self._model, self._folder)
        except RuntimeUnavailableError as error:
            return ProbeRow(name, None, None, None, str(error)), None
        pass_us, vectors = self._measure(runtime)
        difference = float(np.abs(vectors - self._vectors).max())
        overlap = _overlap(self._lists, self._top(vectors))
        return ProbeRow(name, pass_us, difference, overlap, _refusal(name, difference, overlap)), runtime

    def _measure(self, runtime: Runtime) -> tuple[float, np.ndarray]:
        """CPU microseconds per history and all query vectors [R, D]."""
        self._path.read_by(runtime)
        states: list[UserState] = []
        spent_s = []
        parts = list(zip(self._histories.rows, self._histories.time_s, strict=True))
        # The first ones pay for what is allocated once.
        for rows, time_s in [*parts[:2], *parts]:
            start_s = time.thread_time()
            states.append(self._path.state(rows, time_s))
            spent_s.append(time.thread_time() - start_s)
        states = states[2:]
        asked = [self._conditions] * len(states)
        vectors = self._path.query_vectors(states, asked, [int(state.time_s[-1]) for state in states])
        return float(np.median(spent_s[2:])) * 1e6, np.concatenate(vectors)

    def _top(self, vectors: np.ndarray) -> np.ndarray:
        """The best items of every vector, int64 [R, TOP_K], ascending."""
        top_k = min(TOP_K, len(self._items))
        found = np.argpartition(vectors @ self._items.T, -top_k, axis=1)[:, -top_k:]
        return np.sort(found, 1)


def fastest(rows: tuple[ProbeRow, ...], *, lossy: bool) -> RuntimeName:
    """The fastest lossless runtime that may serve, or, where lossy ones count too, one that is clearly faster still."""
    usable = [row for row in rows if not row.refusal and (lossy or row.name not in LOSSY)]
    costs = {row.name: row.pass_us for row in usable if row.pass_us is not None}
    weighted = {name: cost / LOSSY_COST_SHARE if name in LOSSY else cost for name, cost in costs.items()}
    return min(weighted, key=weighted.__getitem__)


def _refusal(name: RuntimeName, error: float, overlap: float) -> str:
    if name in LOSSY:
        return "" if overlap >= MIN_OVERLAP else f"expected top-{TOP_K} overlap {MIN_OVERLAP}, got {overlap:.4f}"
    return "" if error <= MAX_ERROR else f"expected query vectors within {MAX_ERROR}, got {error:.3g}"


def _overlap(wanted: np.ndarray, got: np.ndarray) -> float:
    shared = [len(np.intersect1d(*pair, assume_unique=True)) for pair in zip(wanted, got, strict=True)]
    return float(np.mean(shared)) / wanted.shape[1]
