"""Questions to a running service of covers, and how long the answers took."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from loadtest.speed.process_tree import cpu_s

QUANTILES = (50, 90, 99)
TIMEOUT_S = 60


class AskingError(RuntimeError):
    """The service answered something else than the measurement is about."""


def searches(url: str, pid: int, bodies: Sequence[dict[str, Any]], in_flight: int) -> dict[str, Any]:
    """Closed loop of `in_flight` clients: latency as they see it, each stage as the service tells it, its CPU, in ms.

    pid: of the service.
    """

    def client(own: Sequence[dict[str, Any]]) -> list[tuple[float, dict[str, float], dict[str, Any]]]:
        connection = _connection(url)
        headers = {"content-type": "application/json"}
        return [_ask(connection, "/artwork/search", json.dumps(body).encode(), headers) for body in own]

    with ThreadPoolExecutor(in_flight) as clients:
        started_s = time.perf_counter()
        used_s = cpu_s(pid)
        answers = [
            one for own in clients.map(client, [bodies[at::in_flight] for at in range(in_flight)]) for one in own
        ]
        took_s, used_s = time.perf_counter() - started_s, cpu_s(pid) - used_s
    wanted = bool(bodies[0].get("rerank", True))
    cut = sum(answer["reranked"] != wanted for _, _, answer in answers)
    return {
        "requests": len(answers),
        "latency_ms": quantiles([latency_ms for latency_ms, _, _ in answers]),
        "stages_ms": _stages([stages for _, stages, _ in answers]),
        "server_cpu_ms_per_request": round(1000 * used_s / len(answers), 2),
        "answers_per_s": round(len(answers) / took_s, 1),
        "second_stage_otherwise_than_asked": cut,
    }


def uploads(url: str, pid: int, images: Sequence[Path]) -> dict[str, Any]:
    """Add pictures one after the other: the time of each stage, and the CPU of the service, in ms."""
    connection = _connection(url)
    answers, used_s = [], cpu_s(pid)
    for number, path in enumerate(images):
        asked = quote(json.dumps({"artwork_id": f"measured-{number}"}))
        headers = {"content-type": "application/octet-stream"}
        answers.append(_ask(connection, f"/artwork/index?request={asked}", path.read_bytes(), headers))
    return {
        "requests": len(answers),
        "server_cpu_ms_per_request": round(1000 * (cpu_s(pid) - used_s) / len(answers), 2),
        "latency_ms": quantiles([latency_ms for latency_ms, _, _ in answers]),
        "stages_ms": _stages([stages for _, stages, _ in answers]),
    }


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the mean."""
    found = {f"p{one}": round(float(np.percentile(values, one)), 2) for one in QUANTILES}
    return found | {"mean": round(float(np.mean(values)), 2)}


def _ask(
    connection: HTTPConnection, path: str, content: bytes, headers: dict[str, str]
) -> tuple[float, dict[str, float], dict[str, Any]]:
    started_s = time.perf_counter()
    connection.request("POST", path, content, headers)
    response = connection.getresponse()
    answer = response.read()
    latency_ms = 1000 * (time.perf_counter() - started_s)
    if response.status != 200:
        raise AskingError(f"expected an answer from {path.split('?')[0]}, got {response.status}: {answer[:300]!r}")
    return latency_ms, dict(_timing(response.headers["server-timing"])), json.loads(answer)


def _timing(header: str) -> Iterator[tuple[str, float]]:
    for one in header.split(", "):
        name, _, spent_ms = one.partition(";dur=")
        yield name, float(spent_ms)


def _stages(told: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: quantiles([stages[name] for stages in told if name in stages]) for name in told[0]}


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
