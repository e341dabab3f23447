"""Answerer: who is asked a recorded request - a release loaded in this process, or a running service."""

import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
from pydantic import ValidationError

from loadtest.client import Client
from model.catalogue import Catalogue
from model.climber_pilot.inference import RetrievalRequest, Retriever
from service.errors import ServiceError
from service.exchange import Exchange
from service.findings import Findings
from service.history import known_rows, use_history
from service.history_codec import HistoryEvent
from service.instructions import Instruction, standing_instructions
from service.json_answer import json_answer
from service.presentation import present
from service.releases import ServedRelease
from service.request import RecommendRequest
from service.settings import Settings
from service.standing import attribute_values, top_values


@dataclass(frozen=True)
class ShownItems:
    """One list of an answer."""

    item_ids: list[str]
    scores: list[float]
    compliant: list[bool]


@dataclass(frozen=True)
class Answered:
    """What came of a request; fault: why there is no answer, None where there is one. lists: one, or one per group."""

    latency_ms: float
    fault: str | None = None
    release: str = ""
    source: str = ""
    lists: tuple[ShownItems, ...] = ()


class Answerer(Protocol):
    """Asks one side; `name` stands in the report."""

    name: str

    def answer(self, body: dict[str, Any], request_id: str) -> Answered:
        """The answer to a body of POST /recommend."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class RunningService:
    """Over HTTP. Raises ValueError for what is no address."""

    def __init__(self, url: str) -> None:
        self.name = url
        self._client = Client(url)

    def answer(self, body: dict[str, Any], request_id: str) -> Answered:
        started_s = time.perf_counter()
        try:
            status, content, latency_ms = self._client.ask(body, request_id)
        except (OSError, HTTPException) as error:
            return Answered(1000 * (time.perf_counter() - started_s), f"no answer: {type(error).__name__}")
        try:
            document = orjson.loads(content)
            return _read(document, latency_ms) if status == 200 else Answered(latency_ms, document["code"])
        except (ValueError, KeyError, TypeError):
            return Answered(latency_ms, f"status {status}: neither a recommendation nor a problem")

    def close(self) -> None:
        self._client.close()


class LoadedRelease:
    """Exactly what the release answers: no deadline, no cache, no store, so a history has to be in the body.

    Standing instructions are those that follow from that history. Raises ReleaseError for what is no release.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        retriever = Retriever.load(path)
        self._served = ServedRelease(retriever, retriever.catalogue.condition({}), retriever.instructable)

    def answer(self, body: dict[str, Any], request_id: str) -> Answered:
        started_s = time.perf_counter()
        try:
            request = RecommendRequest.model_validate(body)
            if request.user_id is not None and not request.history:
                return Answered(0.0, "user_without_history")
            exchange = Exchange(request_id)
            content = json_answer(present(request, self._found(request), exchange))
        except ValidationError:
            return Answered(0.0, "invalid_request")
        except ServiceError as error:
            return Answered(1000 * (time.perf_counter() - started_s), error.code)
        return _read(orjson.loads(content), 1000 * (time.perf_counter() - started_s))

    def close(self) -> None:
        """Nothing to give back."""

    def _found(self, request: RecommendRequest) -> Findings:
        served, retriever = self._served, self._served.retriever
        catalogue = served.catalogue
        found = Findings(served)
        events = [HistoryEvent(event.item_id, event.event_time_s) for event in request.history]
        found.history = use_history(catalogue, (), events)
        if isinstance(request.instructions, str):
            found.instructions = self._standing(catalogue, found.history.events)
        else:
            found.instructions = served.instructions.parse(request.instructions)
        excluded, _ = known_rows(catalogue, request.exclude)
        seen = found.history.seen if request.exclude_seen else excluded[:0]
        excluded = np.union1d(excluded, seen)
        conditions = tuple(one.condition for one in found.asked)
        if len(found.history.rows):
            time_s = int(time.time()) if request.request_time_s is None else request.request_time_s
            asked = RetrievalRequest(
                found.history.past, conditions, request.k, request.mode, served.policy, excluded, time_s
            )
            found.candidates = retriever.retrieve([asked])[0]
        else:
            found.source, found.source_reason = "cold_start", "no_known_item" if events else "no_history"
            found.candidates = [retriever.most_popular(one, request.k, excluded) for one in conditions]
        return found

    def _standing(self, catalogue: Catalogue, events: tuple[HistoryEvent, ...]) -> list[Instruction]:
        """As a service without stored ones computes them, at its default settings."""
        window = events[-_default("standing_window_events") :]
        values = [attribute_values(catalogue, self._served.standing_attributes, event.item_id) for event in window]
        return standing_instructions(catalogue, top_values(values, _default("standing_top_p")))


def answerer_of(text: str) -> Answerer:
    """For an address or the folder of a release."""
    return RunningService(text) if text.startswith(("http://", "https://")) else LoadedRelease(Path(text))


def _default(setting: str) -> int:
    return int(Settings.model_fields[setting].default)


def _read(document: dict[str, Any], latency_ms: float) -> Answered:
    groups = [document["items"]] if document["groups"] is None else [one["items"] for one in document["groups"]]
    lists = tuple(
        ShownItems(
            [item["item_id"] for item in items],
            [float(item["score"]) for item in items],
            [bool(item["satisfies_instruction"]) for item in items],
        )
        for items in groups
    )
    return Answered(latency_ms, None, document["release"], document["source"], lists)
