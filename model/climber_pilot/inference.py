"""Retriever: a release made ready to answer (arXiv 2602.13581, section 2.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.network import HistoryBatch, attention_backend
from model.climber_pilot.runtimes.probe import (
    AUTO,
    FASTEST,
    HISTORY_EVENTS,
    Chosen,
    Histories,
    Probe,
    RuntimeRefusedError,
)
from model.climber_pilot.state_path import StatePath
from model.climber_pilot.towers import Network, network_of
from model.climber_pilot.user_state import UserState
from model.condition import Condition
from model.item_index import ItemIndex, Question
from model.mapped_arrays import map_arrays
from model.release import Release, ReleaseError, verify_release

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
CATALOGUE_FILE = "catalogue.parquet"
INDEX_FILE = "index.safetensors"
# Before the names of what the item index has built beside the vectors; a release without it has it built at load.
SEARCH = "search_"
VECTOR_TOLERANCE = 1e-4
ENFORCED_PAIRS = 4_096

Mode = Literal["strict", "guided"]


@dataclass(frozen=True)
class History:
    """rows: int64 [N] catalogue rows, oldest first; time_s: int64 [N] epoch seconds, non-decreasing."""

    rows: np.ndarray
    time_s: np.ndarray


@dataclass(frozen=True)
class RetrievalRequest:
    """One user's question: P conditions, each answered with its own list.

    mode: "strict" searches only items that satisfy the condition; "guided" (the paper's soft form) lets the condition
        steer the query vector alone. policy is enforced in both.
    excluded: int64 catalogue rows that no list may contain.
    time_s: when the list is for, epoch seconds; None takes the time of the newest event.
    state: that of the history, from `Retriever.states` of the same release; None has it read within the call.
    """

    history: History
    conditions: tuple[Condition, ...]
    top_k: int
    mode: Mode = "strict"
    policy: Condition = field(default_factory=Condition)
    excluded: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    time_s: int | None = None
    state: UserState | None = None


@dataclass(frozen=True)
class Candidates:
    """One condition's answer: rows int64 [S], best first; scores float32 [S]; eligible items there were."""

    rows: np.ndarray
    scores: np.ndarray
    eligible: int


class Retriever:
    """Backbone once per user state, branch layer for all conditions, exact search. Call it from one thread.

    User states are kept on a CPU, for networks whose conditions guide the attention. On CUDA and along the other
    condition paths a state holds the events alone, and every answer runs the whole network.
    """

    def __init__(
        self,
        release: Release,
        config: ClimberPilotConfig,
        model: Network,
        catalogue: Catalogue,
        index: Path,
        raw_vectors: Tensor | None = None,
    ) -> None:
        """raw_vectors: the model's, where they have been compared with those of the index; see `replica`."""
        arrays = map_arrays(index)
        self.release = release
        self.catalogue = catalogue
        self.max_history = config.network.max_history
        self.popularity: np.ndarray = arrays["popularity"]
        self.vectors: np.ndarray = arrays["item_vectors"]
        facts = release.manifest["facts"]
        self.instructable: tuple[str, ...] = tuple(facts["instructable"])
        self.simulated: str = facts["simulated"]
        self._model = model.eval()
        self.device = model.device.type
        self.attention_backend = attention_backend(config.network.attention, self.device, gradients=False)
        self._raw_vectors = _raw_vectors(model, self.vectors) if raw_vectors is None else raw_vectors
        self._made_of = (release, config, model, catalogue, index, self._raw_vectors)
        built = {name.removeprefix(SEARCH): found for name, found in arrays.items() if name.startswith(SEARCH)}
        self._index = ItemIndex(catalogue, self.vectors, arrays=built or None)
        self._states: StatePath | None = None
        if self.device == "cpu" and config.network.condition_path == "attention":
            self._states = StatePath(model, self._raw_vectors.numpy(), catalogue, self._index.satisfied)
        self.runtime = Chosen("eager" if self._states is None else "numpy")
        share = self.popularity / max(1.0, float(self.popularity.sum()))
        # Popularity is one number per item: always exact, whatever the catalogue's size.
        self._popular = ItemIndex(catalogue, share[:, None].astype(np.float32), exact_up_to=len(catalogue))

    @classmethod
    def load(
        cls,
        path: Path,
        device: str = "cpu",
        runtime: str = "numpy",
        public_key: str | None = None,
        rest: Callable[[], None] = lambda: None,
    ) -> "Retriever":
        """Verify the release and load it; raises ReleaseError with a stable code where anything does not fit.

        public_key: who must have signed it; device: where the network runs, "cpu" or "cuda"; the search is on the CPU.
        runtime: what reads histories, a name of RUNTIMES, or "auto" or "fastest" to have them measured; see Probe.
        rest: called between pieces of work, for a process that answers requests meanwhile.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise ReleaseError("device_unavailable", "expected a CUDA device and a CUDA build of torch, found none")
        release = verify_release(path, public_key)
        rest()
        try:
            config = ClimberPilotConfig.from_json((path / CONFIG_FILE).read_text())
            catalogue = Catalogue.load(path / CATALOGUE_FILE)
            rest()
            model = network_of(config.network, catalogue, release.manifest["facts"].get("towers", 1))
            model.load_state_dict(load_file(path / WEIGHTS_FILE))
            rest()
            retriever = cls(release, config, model.to(device), catalogue, path / INDEX_FILE)
            rest()
            retriever._choose_runtime(runtime)
            return retriever
        except (ReleaseError, MemoryError):
            raise
        except Exception as error:
            # Of whatever kind: the libraries have exceptions of their own for files that are not what they should be.
            raise ReleaseError("incompatible_content", f"{path.name}: {error}") from error

    def replica(self) -> "Retriever":
        """Another one over the same weights, catalogue and vectors, for another thread; nothing is verified again."""
        return Retriever(*self._made_of)

    def _choose_runtime(self, wanted: str) -> None:
        if wanted == self.runtime.name or (self._states is None and wanted in (AUTO, FASTEST, "numpy")):
            return
        if self._states is None:
            message = f"expected runtime auto or eager where the whole network runs at every request, got {wanted!r}"
            raise ReleaseError("runtime_refused", message)
        histories = Histories.seeded(self.popularity, min(HISTORY_EVENTS, self.max_history))
        conditions = (Condition(), Condition.of(0)) if self.catalogue.num_values else (Condition(),)
        probe = Probe(self._model, self._states, self.vectors, histories, conditions, self.release.path)
        try:
            self.runtime = probe.choose(wanted)
        except RuntimeRefusedError as error:
            raise ReleaseError("runtime_refused", str(error)) from error

    def states(
        self, histories: Sequence[History], previous: Sequence[UserState | None] | None = None
    ) -> list[UserState]:
        """What the network keeps of every history, its newest max_history events.

        previous: earlier states of the same users, None for what is not known. One of the same events is the answer
        itself; where it ends earlier, only the events since are read; anything else, such as an event that has dropped
        out on the left or came in between, reads all again. An empty history raises ValueError.
        """
        befores = [None] * len(histories) if previous is None else previous
        return [self._state(history, before) for history, before in zip(histories, befores, strict=True)]

    def retrieve(self, requests: Sequence[RetrievalRequest]) -> list[list[Candidates]]:
        """Lists per request and condition. A request without history raises ValueError: ask `most_popular` instead."""
        questions = []
        for request, vectors in zip(requests, self.query_vectors(requests), strict=True):
            excluded = _ascending(request.excluded)
            for condition, vector in zip(request.conditions, vectors, strict=True):
                enforced = _enforced(request.policy, condition) if request.mode == "strict" else request.policy
                questions.append(Question(vector, enforced, request.top_k, excluded))
        answers = iter(self._index.search_many(questions))
        return [
            [Candidates(found.rows, found.scores, found.eligible) for found in islice(answers, len(request.conditions))]
            for request in requests
        ]

    def query_vectors(self, requests: Sequence[RetrievalRequest]) -> list[np.ndarray]:
        """One query vector per condition, float32 [P, D] per request."""
        states = [self._state(request.history) if request.state is None else request.state for request in requests]
        times_s = [
            int(state.time_s[-1]) if request.time_s is None else request.time_s
            for request, state in zip(requests, states, strict=True)
        ]
        conditions = [request.conditions for request in requests]
        if not any(conditions):
            return [np.empty((0, self.vectors.shape[1]), dtype=np.float32) for _ in conditions]
        if self._states is None:
            return self.whole_pass(states, conditions, times_s)
        return self._states.query_vectors(states, conditions, times_s)

    def most_popular(self, condition: Condition, top_k: int, excluded: np.ndarray) -> Candidates:
        """The list without a user: training popularity under the condition, scores as shares of all events."""
        found = self._popular.search(np.ones((1, 1), dtype=np.float32), condition, top_k, excluded)[0]
        return Candidates(found.rows, found.scores, found.eligible)

    def warm_up(self, rest: Callable[[], None] = lambda: None) -> None:
        """Run every shape class once, so that the first real request pays nothing extra. rest: as in `load`."""
        condition = Condition.of(0) if self.catalogue.num_values else Condition()
        for length in (1, self.max_history):
            rows = np.arange(length, dtype=np.int64) % len(self.catalogue)
            history = History(rows, np.arange(length, dtype=np.int64))
            for count in (1, 4):
                self.retrieve([RetrievalRequest(history, (Condition(), condition)[:count] * (count // 2 or 1), 50)])
                rest()

    def _state(self, history: History, previous: UserState | None = None) -> UserState:
        if len(history.rows) == 0:
            raise ValueError("expected at least one history event per request, got an empty history")
        # Of their own: a state must not change with the caller's arrays.
        rows = np.array(history.rows[-self.max_history :], dtype=np.int64)
        time_s = np.array(history.time_s[-self.max_history :], dtype=np.int64)
        if previous is not None:
            known = len(previous.rows)
            same = np.array_equal(previous.rows, rows[:known]) and np.array_equal(previous.time_s, time_s[:known])
            if same and known == len(rows):
                return previous
            previous = previous if same else None
        return UserState(rows, time_s) if self._states is None else self._states.state(rows, time_s, previous)

    def whole_pass(
        self, states: Sequence[UserState], conditions: Sequence[Sequence[Condition]], times_s: Sequence[int]
    ) -> list[np.ndarray]:
        """The query vectors [P, D] of the whole network over the states' events, for all users at once; keeps nothing.

        times_s: when each user asks.
        """
        distinct = list({condition: None for asked in conditions for condition in asked})
        entry_of = {condition: entry for entry, condition in enumerate(distinct)}
        entries = torch.zeros(len(states), max(len(asked) for asked in conditions), dtype=torch.int64)
        for i, asked in enumerate(conditions):
            entries[i, : len(asked)] = torch.tensor([entry_of[condition] for condition in asked])
        table, device = condition_table(distinct, self.catalogue.num_words), self._model.device
        batch = ConditionBatch(table, entries).to(device)
        with torch.inference_mode():
            request_time_s = torch.tensor(times_s, device=device)
            histories = _padded(states).to(device)
            found = self._model.query_vectors(self._raw_vectors, histories, batch, request_time_s).cpu().numpy()
        return [rows[: len(asked)] for rows, asked in zip(found, conditions, strict=True)]


def _padded(states: Sequence[UserState]) -> HistoryBatch:
    lengths = [len(state.rows) for state in states]
    rows = torch.zeros(len(states), max(lengths), dtype=torch.int64)
    time_s = torch.zeros_like(rows)
    for i, (state, length) in enumerate(zip(states, lengths, strict=True)):
        rows[i, :length] = torch.from_numpy(state.rows)
        time_s[i, :length] = torch.from_numpy(state.time_s)
    return HistoryBatch(rows, time_s, torch.tensor(lengths))


def _ascending(rows: np.ndarray) -> np.ndarray:
    """int64 rows, ascending and unique; themselves where they are."""
    return rows if (rows[1:] > rows[:-1]).all() else np.unique(rows)


def _raw_vectors(model: Network, stored: np.ndarray) -> Tensor:
    """The item vectors of a network; raises ReleaseError where those that are scored are not the stored ones."""
    with torch.inference_mode():
        raw = model.items()
        drift = float(np.abs(model.scored(raw).cpu().numpy() - stored).max())
    if not drift <= VECTOR_TOLERANCE:
        message = f"expected item vectors of these weights within {VECTOR_TOLERANCE}, they differ by {drift:.3g}"
        raise ReleaseError("vectors_mismatch", message)
    return raw


@lru_cache(maxsize=ENFORCED_PAIRS)
def _enforced(policy: Condition, condition: Condition) -> Condition:
    return policy & condition
