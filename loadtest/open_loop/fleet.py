"""Fleet: the processes of the generator, run together for one measurement."""

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import orjson

from loadtest.open_loop.process_tree import cpu_s
from loadtest.open_loop.records import Records, joined, read_records
from loadtest.open_loop.schedule import Phase, duration_s, uncounted_s
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import Vocabulary
from loadtest.open_loop.worker import READY, Share

# Between the last worker's "ready" and the first request: all of them read the moment to start at before it.
HEAD_START_S = 0.3
CONNECTIONS = 64


@dataclass(frozen=True)
class Load:
    """What all measurements have in common.

    targets: the service's address, or those of its workers; a user always asks the same one. server_pid: of the
    service, where it runs on this machine.
    """

    targets: tuple[Target, ...]
    vocabulary: Vocabulary
    habits: Habits
    processes: int = 1
    timeout_s: float = 10.0
    server_pid: int | None = None

    def __post_init__(self) -> None:
        if self.processes < 1 or not self.timeout_s > 0:
            raise ValueError(f"expected processes and a timeout, got {self.processes} and {self.timeout_s} s")


@dataclass(frozen=True)
class Run:
    """records: of the counted phases, their first second being 0. cpu_shares: of a core, one per generator process.

    server_cpu_s: what the service's processes took meanwhile, None where they are not known.
    """

    records: Records
    duration_s: float
    rate_per_s: float
    cpu_shares: tuple[float, ...]
    connections: int
    most_under_way: int
    real_time: bool = False
    server_cpu_s: float | None = None


def measure(load: Load, phases: Sequence[Phase], *, seed: int, beside: Sequence[Callable[[float], None]] = ()) -> Run:
    """Run the phases; raises ValueError where a worker fails.

    beside: called in threads of their own with the moment of time.monotonic() at which counting begins.
    """
    run = f"run-{seed}-{time.time_ns():x}"
    rates = [replace(phase, rate_per_s=phase.rate_per_s / load.processes) for phase in phases]
    with ExitStack() as stack:
        workers = [_start(stack) for _ in range(load.processes)]
        for number, worker in enumerate(workers):
            share = Share(
                *(load.targets, load.vocabulary, load.habits, tuple(rates), 1_000 * seed + number, f"{run}-{number}"),
                *(load.timeout_s, math.ceil(CONNECTIONS / load.processes)),
            )
            _tell(worker, share.as_json())
        for worker in workers:
            if _pipe(worker.stdout).readline() != READY:
                raise ValueError("expected a worker of the generator to be ready, see its message above")
        start_s = time.monotonic() + HEAD_START_S
        for worker in workers:
            _tell(worker, b"%r\n" % start_s)
        from_s, lasts_s = uncounted_s(phases), duration_s(phases)
        meter = _Meter(load.server_pid, lasts_s - from_s)
        _together([meter, *beside], start_s + from_s)
        found = [_results(worker) for worker in workers]
    counted = joined([records for records, _ in found]).between(from_s, float("inf"))
    for name in ("intended_s", "sent_s", "done_s"):
        counted.rows[name] -= from_s
    return Run(
        records=counted,
        duration_s=lasts_s - from_s,
        rate_per_s=sum(phase.rate_per_s * phase.duration_s for phase in phases if phase.counted) / (lasts_s - from_s),
        cpu_shares=tuple(float(took["cpu_share"]) for _, took in found),
        connections=sum(int(took["connections"]) for _, took in found),
        most_under_way=sum(int(took["most_under_way"]) for _, took in found),
        real_time=all(took["real_time"] for _, took in found),
        server_cpu_s=meter.took_s,
    )


class _Meter:
    """What a process tree takes from the moment counting begins until the last request is due."""

    def __init__(self, pid: int | None, duration_s: float) -> None:
        self._pid, self._duration_s = pid, duration_s
        self.took_s: float | None = None

    def __call__(self, start_s: float) -> None:
        if self._pid is None:
            return
        before_s = cpu_s(self._pid)
        time.sleep(max(0.0, start_s + self._duration_s - time.monotonic()))
        self.took_s = cpu_s(self._pid) - before_s


def _together(calls: Sequence[Callable[[float], None]], start_s: float) -> None:
    """Run all from start_s on and wait for them; the first that fails fails the measurement."""
    faults: list[BaseException] = []

    def run(call: Callable[[float], None]) -> None:
        try:
            time.sleep(max(0.0, start_s - time.monotonic()))
            call(start_s)
        except (ValueError, OSError) as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise ValueError(str(faults[0])) from faults[0]


def _start(stack: ExitStack) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "loadtest.open_loop.worker"]
    worker = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    # Popen waits for its process at the end: one that is not needed any more must not keep it waiting.
    stack.callback(worker.kill)
    return worker


def _tell(worker: "subprocess.Popen[bytes]", line: bytes) -> None:
    pipe = _pipe(worker.stdin)
    try:
        pipe.write(line)
        pipe.flush()
    except BrokenPipeError as error:
        raise ValueError("expected a worker of the generator to run, see its message above") from error


def _results(worker: "subprocess.Popen[bytes]") -> tuple[Records, dict[str, Any]]:
    pipe = _pipe(worker.stdout)
    line = pipe.readline()
    if not line:
        raise ValueError("expected the records of a worker of the generator, see its message above")
    header = orjson.loads(line)
    content = pipe.read(header["bytes"])
    if len(content) != header["bytes"]:
        message = f"expected {header['bytes']} bytes of records, got {len(content)}"
        raise ValueError(f"{message} from a worker of the generator that ended with status {worker.wait()}")
    return read_records(header, content), header


def _pipe(pipe: Any) -> Any:
    if pipe is None:
        raise ValueError("expected a pipe to a worker of the generator")
    return pipe
