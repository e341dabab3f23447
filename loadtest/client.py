"""Client: asks a running service for recommendations over HTTP, and keeps what came of it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import orjson
from tqdm import tqdm

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Reply:
    """One answer: fault is None, or says why there is none; latency as the client sees it."""

    latency_ms: float
    fault: str | None = None
    source: str = ""
    release: str = ""
    item_ids: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    eligible: int = 0
    history_events_used: int = 0
    unreachable: bool = False


class Client:
    """Keeps one connection per thread. Raises ValueError for an address that is not http:// or https://."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected an address like http://127.0.0.1:8000, got {url!r}")
        self.url = url
        self._connection_type = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._own = threading.local()

    def recommend(self, body: dict[str, Any]) -> Reply:
        """Ask once; whatever goes wrong is the reply's fault, never an exception."""
        started = time.perf_counter()
        try:
            status, answer, latency_ms = self.ask(body)
        except (OSError, HTTPException) as error:
            return Reply(_since_ms(started), fault=f"no answer: {type(error).__name__}", unreachable=True)
        try:
            return _read(status, orjson.loads(answer), latency_ms)
        except (ValueError, KeyError, TypeError, IndexError):
            return Reply(latency_ms, fault=f"status {status}: neither a recommendation nor a problem")

    def ask(self, body: dict[str, Any], request_id: str | None = None) -> tuple[int, bytes, float]:
        """(status, answer, latency in ms) of POST /recommend; raises OSError and HTTPException where there is none."""
        content = orjson.dumps(body)
        headers = {"content-type": "application/json"} | ({"x-request-id": request_id} if request_id else {})
        started = time.perf_counter()
        try:
            status, answer = self._post("/recommend", content, headers)
        except (OSError, HTTPException):
            self._forget()
            raise
        return status, answer, _since_ms(started)

    def close(self) -> None:
        """Close this thread's connection."""
        self._forget()

    def _post(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connection_type(self._host, self._port, timeout=TIMEOUT_S)
        connection.request("POST", self._prefix + path, content, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _forget(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._own.connection = None


def ask_all(
    client: Client, count: int, body_of: Callable[[int], dict[str, Any]], *, concurrency: int, title: str
) -> list[Reply]:
    """The replies to `count` requests in their order, `concurrency` of them under way at a time."""
    # Strided, so that every worker has one connection and closes it; bodies are made one at a time: they may be large.
    replies: list[Reply | None] = [None] * count
    with tqdm(total=count, desc=title, unit="request", mininterval=0.5) as bar:

        def work(first: int) -> None:
            try:
                for question in range(first, count, concurrency):
                    replies[question] = client.recommend(body_of(question))
                    bar.update()
            finally:
                client.close()

        with ThreadPoolExecutor(concurrency, "client") as workers:
            for done in [workers.submit(work, first) for first in range(min(concurrency, count))]:
                done.result()
    return [reply for reply in replies if reply is not None]


def _read(status: int, answer: Any, latency_ms: float) -> Reply:
    if status != 200:
        return Reply(latency_ms, fault=f"status {status}: {answer['code']}")
    items = answer["items"]
    return Reply(
        latency_ms,
        source=answer["source"],
        release=answer["release"],
        item_ids=tuple(item["item_id"] for item in items),
        scores=tuple(float(item["score"]) for item in items),
        eligible=int(answer["eligible"][0]),
        history_events_used=int(answer["history_events_used"]),
    )


def _since_ms(started: float) -> float:
    return 1000 * (time.perf_counter() - started)
