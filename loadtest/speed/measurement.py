"""Measurement: one cell on a running server -> its figures."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from loadtest.speed.process_tree import cpu_s, memory, threads_cpu_s

MIN_CPU_S = 3.0
MAX_WALL_S = 45.0
CHUNK_S = 3.0
WARM_UP_S = 20.0
DRIVER_TIMEOUT_S = 300


class InvalidCellError(RuntimeError):
    """The server did not answer as it should, so that its cost says nothing."""


@dataclass(frozen=True)
class Target:
    """What is asked: url of the POST, bodies one JSON text each, headers; `expected` is in every good answer.

    pid: root of the process tree that is charged; others: name -> pid of what is reported apart.
    warm_up: requests that go before, never fewer than make every cache as full as it gets.
    """

    url: str
    bodies: Sequence[dict[str, Any]]
    pid: int
    others: Mapping[str, int]
    warm_up: int
    headers: Sequence[str] = ()
    expected: str = ""


def measure(target: Target, concurrency: int, *, min_cpu_s: float = MIN_CPU_S) -> dict[str, Any]:
    """CPU-microseconds per request, throughput, latencies and stages, over at least min_cpu_s of the server's CPU.

    Raises InvalidCellError where an answer was not as expected.
    """
    return measure_in_turn([target], concurrency, min_cpu_s=min_cpu_s)[0]


def measure_in_turn(
    targets: Sequence[Target], concurrency: int, *, min_cpu_s: float = MIN_CPU_S
) -> list[dict[str, Any]]:
    """Like `measure` for servers that run at the same time, asked chunk by chunk in turn.

    What else the machine does weighs on all of them alike, and what a server does after its answers is charged to it.
    """
    with ExitStack() as stack:
        runs = [_warmed_up(target, stack.enter_context(written_bodies(target)), concurrency) for target in targets]
        began_s = time.monotonic()
        while True:
            for run in runs:
                run.chunk(min(CHUNK_S, min_cpu_s))
            enough = all(run.spent()["server"] >= min_cpu_s for run in runs)
            if enough or time.monotonic() - began_s > MAX_WALL_S * len(runs):
                break
    return [_figures(run.target, run.outcomes, run.spent()) for run in runs]


@dataclass
class _Run:
    """The chunks of one target. before: CPU seconds at the end of its warm-up."""

    target: Target
    bodies: Path
    concurrency: int
    before: Mapping[str, float]
    outcomes: list[dict[str, Any]] = field(default_factory=list)

    def chunk(self, seconds: float) -> None:
        answers = sum(outcome["answers"] for outcome in self.outcomes)
        self.outcomes.append(drive_apart(self.target, self.bodies, self.concurrency, seconds=seconds, start=answers))

    def spent(self) -> dict[str, float]:
        """CPU seconds since the warm-up."""
        return {name: now_s - self.before[name] for name, now_s in _spent(self.target).items()}


def _warmed_up(target: Target, bodies: Path, concurrency: int) -> _Run:
    drive_apart(target, bodies, concurrency, seconds=WARM_UP_S, count=target.warm_up)
    return _Run(target, bodies, concurrency, _spent(target))


@contextmanager
def written_bodies(target: Target) -> Iterator[Path]:
    """The bodies as a file, one a line, while the with-statement lasts."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"\n".join(map(orjson.dumps, target.bodies)))
        file.flush()
        yield Path(file.name)


def _figures(target: Target, outcomes: Sequence[dict[str, Any]], spent: Mapping[str, float]) -> dict[str, Any]:
    answers = sum(outcome["answers"] for outcome in outcomes)
    seconds = sum(outcome["seconds"] for outcome in outcomes)

    def mean(part: str, name: str) -> float:
        return float(sum(outcome[part].get(name, 0.0) * outcome["answers"] for outcome in outcomes) / answers)

    workers = memory(target.pid)
    return {
        "requests": answers,
        "server_cpu_s": round(spent["server"], 2),
        "server_cpu_us_per_request": round(1e6 * spent["server"] / answers, 1),
        **{f"{name}_cpu_us_per_request": round(1e6 * spent[name] / answers, 1) for name in target.others},
        "throughput_per_s": round(answers / seconds, 1),
        "throughput_per_server_cpu_s": round(answers / spent["server"], 1),
        "answer_bytes": outcomes[0]["answer_bytes"],
        "latencies_ms": {name: round(mean("latencies_ms", name), 3) for name in outcomes[0]["latencies_ms"]},
        "stages_ms": {name: round(mean("stages_ms", name), 4) for name in outcomes[0]["stages_ms"]},
        "processes": len(workers),
        "rss_mib": [round(one.rss_bytes / 2**20, 1) for one in workers],
        "pss_mib": [round(one.pss_bytes / 2**20, 1) for one in workers],
    }


def _spent(target: Target) -> dict[str, float]:
    return {"server": cpu_s(target.pid), **{name: threads_cpu_s(pid) for name, pid in target.others.items()}}


def drive_apart(
    target: Target, bodies: Path, concurrency: int, *, seconds: float, count: int | None = None, start: int = 0
) -> dict[str, Any]:
    """Run the driver in a process of its own on a file of bodies, one a line; its outcome.

    Raises InvalidCellError where an answer was not as expected.
    """
    command = [sys.executable, "-m", "loadtest.speed.driver", "--url", target.url, "--bodies", str(bodies)]
    command += ["--connections", str(concurrency), "--seconds", str(seconds), "--start", str(start)]
    command += [f"--header={header}" for header in target.headers] + [f"--expect={target.expected}"]
    command += [] if count is None else ["--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_TIMEOUT_S, check=False)
    if done.returncode:
        raise InvalidCellError(f"{target.url}: {done.stderr.strip()}")
    outcome: dict[str, Any] = json.loads(done.stdout)
    if outcome["faults"]:
        raise InvalidCellError(f"{target.url}: {outcome['faults']} of {outcome['answers']} answers")
    return outcome
