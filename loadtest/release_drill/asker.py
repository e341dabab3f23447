"""Asker: recommendations at moments drawn in advance, with everything kept that tells how a swap went for a client."""

import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Asked:
    """One request. due_s: when it was to be sent, of time.monotonic(), which all processes share; latency_ms: since.

    status: 0 for no answer; answer: as it came, or why none did.
    """

    body: int
    due_s: float
    latency_ms: float
    status: int
    answer: bytes


def make_bodies(catalogue_ids: Sequence[str], genres: Sequence[str], count: int, events: int) -> list[dict[str, Any]]:
    """Seeded requests whose answers depend on nothing but the release."""
    rng = random.Random(0)
    bodies = []
    for _ in range(count):
        chosen = rng.sample(list(catalogue_ids), events)
        history = [{"item_id": one, "event_time_s": 1_700_000_000 + 300 * age} for age, one in enumerate(chosen)]
        where = [{"where": {"genre": {"any": [genre]}}} for genre in rng.sample(list(genres), 2)]
        bodies.append(
            {
                "history": history,
                "instructions": where,
                "k": 10,
                "group_by_instruction": True,
                "request_time_s": 1_700_900_000,
                "fields": [],
            }
        )
    return bodies


def ask_on_schedule(url: str, bodies: Sequence[dict[str, Any]], rate_per_s: float, stop: Path, out: Path) -> None:
    """Ask at Poisson moments until the file `stop` is there; writes a line of JSON per request to `out`."""
    rng = random.Random(1)
    texts = [json.dumps(body).encode() for body in bodies]
    turns, lock = itertools.count(), threading.Lock()
    next_s = time.monotonic()

    def turn() -> tuple[int, float]:
        nonlocal next_s
        with lock:
            next_s += rng.expovariate(rate_per_s)
            return next(turns) % len(texts), next_s

    def work(lines: list[str]) -> None:
        address = urlsplit(url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
        while not stop.exists():
            body, due_s = turn()
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                connection.request("POST", "/recommend", texts[body], {"content-type": "application/json"})
                response = connection.getresponse()
                status, answer = response.status, response.read().decode()
            except (OSError, HTTPException) as error:
                connection.close()
                status, answer = 0, type(error).__name__
            lines.append(json.dumps([body, due_s, 1000 * (time.monotonic() - due_s), status, answer]))

    kept: list[list[str]] = [[] for _ in range(8)]
    threads = [threading.Thread(target=work, args=(lines,)) for lines in kept]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.write_text("\n".join(line for lines in kept for line in lines) + "\n")


def read_asked(path: Path) -> list[Asked]:
    """What `ask_on_schedule` has written, by time."""
    asked = [
        Asked(body, due_s, latency_ms, status, answer.encode())
        for body, due_s, latency_ms, status, answer in map(json.loads, path.read_text().splitlines())
    ]
    return sorted(asked, key=lambda one: one.due_s)
