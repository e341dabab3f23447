"""Retriever: a release made ready to answer (arXiv 2602.13581, section 2.4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.network import HistoryBatch, attention_backend
from model.climber_pilot.towers import Network, network_of
from model.condition import Condition
from model.item_index import ItemIndex
from model.mapped_arrays import map_arrays
from model.release import Release, ReleaseError, verify_release

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
CATALOGUE_FILE = "catalogue.parquet"
INDEX_FILE = "index.safetensors"
# Before the names of what the item index has built beside the vectors; a release without it has it built at load.
SEARCH = "search_"
VECTOR_TOLERANCE = 1e-4

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
    """

    history: History
    conditions: tuple[Condition, ...]
    top_k: int
    mode: Mode = "strict"
    policy: Condition = field(default_factory=Condition)
    excluded: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    time_s: int | None = None


@dataclass(frozen=True)
class Candidates:
    """One condition's answer: rows int64 [S], best first; scores float32 [S]; eligible items there were."""

    rows: np.ndarray
    scores: np.ndarray
    eligible: int


class Retriever:
    """Backbone once per user, branch layer for all conditions, exact search. Call it from one thread."""

    def __init__(
        self, release: Release, config: ClimberPilotConfig, model: Network, catalogue: Catalogue, index: Path
    ) -> None:
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
        with torch.inference_mode():
            self._raw_vectors = model.items()
            drift = float(np.abs(model.scored(self._raw_vectors).cpu().numpy() - self.vectors).max())
        if not drift <= VECTOR_TOLERANCE:
            message = f"expected item vectors of these weights within {VECTOR_TOLERANCE}, they differ by {drift:.3g}"
            raise ReleaseError("vectors_mismatch", message)
        built = {name.removeprefix(SEARCH): found for name, found in arrays.items() if name.startswith(SEARCH)}
        self._index = ItemIndex(catalogue, self.vectors, arrays=built or None)
        share = self.popularity / max(1.0, float(self.popularity.sum()))
        # Popularity is one number per item: always exact, whatever the catalogue's size.
        self._popular = ItemIndex(catalogue, share[:, None].astype(np.float32), exact_up_to=len(catalogue))

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "Retriever":
        """Verify the release and load it; raises ReleaseError with a stable code where anything does not fit.

        device: where the network runs, "cpu" or "cuda"; the search is on the CPU.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise ReleaseError("device_unavailable", "expected a CUDA device and a CUDA build of torch, found none")
        release = verify_release(path)
        try:
            config = ClimberPilotConfig.from_json((path / CONFIG_FILE).read_text())
            catalogue = Catalogue.load(path / CATALOGUE_FILE)
            model = network_of(config.network, catalogue, release.manifest["facts"].get("towers", 1))
            model.load_state_dict(load_file(path / WEIGHTS_FILE))
            return cls(release, config, model.to(device), catalogue, path / INDEX_FILE)
        except ReleaseError:
            raise
        except (KeyError, RuntimeError, OSError, ValueError) as error:
            raise ReleaseError("incompatible_content", f"{path.name}: {error}") from error

    def retrieve(self, requests: Sequence[RetrievalRequest]) -> list[list[Candidates]]:
        """Lists per request and condition. A request without history raises ValueError: ask `most_popular` instead."""
        vectors = self.query_vectors(requests)
        # Questions under the same enforced condition are one search: one matrix product, one eligible set.
        questions: dict[tuple[Condition, int], list[tuple[int, int]]] = {}
        for i, request in enumerate(requests):
            for p, condition in enumerate(request.conditions):
                enforced = request.policy & condition if request.mode == "strict" else request.policy
                questions.setdefault((enforced, request.top_k), []).append((i, p))
        answers: list[dict[int, Candidates]] = [{} for _ in requests]
        for (enforced, top_k), asked in questions.items():
            queries = np.stack([vectors[i][p] for i, p in asked])
            excluded = [requests[i].excluded for i, _ in asked]
            for (i, p), found in zip(asked, self._index.search(queries, enforced, top_k, excluded), strict=True):
                answers[i][p] = Candidates(found.rows, found.scores, found.eligible)
        return [[lists[p] for p in range(len(lists))] for lists in answers]

    def query_vectors(self, requests: Sequence[RetrievalRequest]) -> list[np.ndarray]:
        """One query vector per condition, float32 [P, D] per request."""
        distinct = list({condition: None for request in requests for condition in request.conditions})
        entry_of = {condition: entry for entry, condition in enumerate(distinct)}
        num_rows = max(len(request.conditions) for request in requests)
        entries = torch.zeros(len(requests), num_rows, dtype=torch.int64)
        for i, request in enumerate(requests):
            own = [entry_of[condition] for condition in request.conditions]
            entries[i, : len(own)] = torch.tensor(own)
        table, device = condition_table(distinct, self.catalogue.num_words), self._model.device
        conditions = ConditionBatch(table, entries).to(device)
        with torch.inference_mode():
            histories = self._padded(requests).to(device)
            times = [int(one.history.time_s[-1]) if one.time_s is None else one.time_s for one in requests]
            request_time_s = torch.tensor(times, device=device)
            found = self._model.query_vectors(self._raw_vectors, histories, conditions, request_time_s).cpu().numpy()
        return [rows[: len(request.conditions)] for rows, request in zip(found, requests, strict=True)]

    def most_popular(self, condition: Condition, top_k: int, excluded: np.ndarray) -> Candidates:
        """The list without a user: training popularity under the condition, scores as shares of all events."""
        found = self._popular.search(np.ones((1, 1), dtype=np.float32), condition, top_k, excluded)[0]
        return Candidates(found.rows, found.scores, found.eligible)

    def warm_up(self) -> None:
        """Run every shape class once, so that the first real request pays nothing extra."""
        condition = Condition.of(0) if self.catalogue.num_values else Condition()
        for length in (1, self.max_history):
            rows = np.arange(length, dtype=np.int64) % len(self.catalogue)
            history = History(rows, np.arange(length, dtype=np.int64))
            for count in (1, 4):
                self.retrieve([RetrievalRequest(history, (Condition(), condition)[:count] * (count // 2 or 1), 50)])

    def _padded(self, requests: Sequence[RetrievalRequest]) -> HistoryBatch:
        lengths = [min(len(request.history.rows), self.max_history) for request in requests]
        if min(lengths) == 0:
            raise ValueError("expected at least one history event per request, got an empty history")
        rows = torch.zeros(len(requests), max(lengths), dtype=torch.int64)
        time_s = torch.zeros_like(rows)
        for i, (request, length) in enumerate(zip(requests, lengths, strict=True)):
            rows[i, :length] = torch.from_numpy(request.history.rows[-length:])
            time_s[i, :length] = torch.from_numpy(request.history.time_s[-length:])
        return HistoryBatch(rows, time_s, torch.tensor(lengths))
