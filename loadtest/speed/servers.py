"""Servers: redis-server and what is measured, started for a measurement and stopped without leftovers."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

# A graph over a million items is built while the service starts.
READY_TIMEOUT_S = 1200
STOP_TIMEOUT_S = 15
LOG_TAIL_LINES = 15
# A measurement wants every answer to be the model's, however slow the machine.
PATIENT = {
    "REC_DEFAULT_DEADLINE_MS": "9000",
    "REC_REDIS_TIMEOUT_MS": "5000",
    "REC_INGEST_TIMEOUT_MS": "5000",
    "REC_LOG_LEVEL": "INFO",
}


class StartError(RuntimeError):
    """A server that did not come up; the message carries the end of its log."""


class Servers:
    """What was started runs until the with-statement ends; the newest is stopped first."""

    def __init__(self, logs: Path) -> None:
        self._stack = ExitStack()
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self.pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_redis(self) -> str:
        """Start a private redis-server that keeps nothing; its address."""
        binary = shutil.which("redis-server")
        if binary is None:
            raise StartError("expected redis-server on PATH, found none (apt-get install redis-server)")
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="speed-"))
        path = Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no", "--dir", folder]
        process = self._start("redis-server", [binary, *options], {})
        self._wait("redis-server", process, path.exists)
        return f"unix://{path}"

    def start_service(
        self, releases: Path, redis_url: str, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> str:
        """Start python -m service and wait until it is warm; its address. settings: REC_ variables on top."""
        port = port or free_port()
        own = {"REC_RELEASE_ROOT": str(releases), "REC_REDIS_URL": redis_url, "REC_HOST": "127.0.0.1"}
        environment = {**PATIENT, **own, "REC_PORT": str(port), **(settings or {})}
        return self.start_http("service", [sys.executable, "-m", "service"], environment, port, "/health/ready")

    def start_sidecar(self, releases: Path, redis_url: str, work_dir: Path, service: str) -> None:
        """Start python -m service.trainer beside a service that has the last word."""
        port = free_port()
        own = {"WORK_DIR": str(work_dir), "METRICS_PORT": str(port), "SERVICE_URLS": json.dumps([service])}
        environment = {"REC_RELEASE_ROOT": str(releases), "REC_REDIS_URL": redis_url}
        environment |= {f"REC_TRAINER_{name}": value for name, value in own.items()}
        self.start_http("sidecar", [sys.executable, "-m", "service.trainer"], environment, port, "/metrics")

    def start_http(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], port: int, ready_path: str
    ) -> str:
        """Start a server of its own session and wait until GET ready_path is answered with 200; its address."""
        process = self._start(name, command, {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **environment})
        address = f"http://127.0.0.1:{port}"
        self._wait(name, process, lambda: _answers(address + ready_path))
        return address

    def _start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self._logs / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.pids[name] = process.pid
        self._stack.callback(_stop, process)
        return process

    def _wait(self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        until_s = time.monotonic() + READY_TIMEOUT_S
        while not ready():
            if process.poll() is not None:
                raise StartError(f"{name} ended with status {process.returncode}\n{self._tail(name)}")
            if time.monotonic() > until_s:
                raise StartError(f"{name} was not ready within {READY_TIMEOUT_S} s\n{self._tail(name)}")
            time.sleep(0.1)

    def _tail(self, name: str) -> str:
        path = self._logs / f"{name}.log"
        return "\n".join([f"{path} ends with:", *path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]])


def end_on_sigterm() -> None:
    """Let SIGTERM end this program as an exit does, so that no server outlives it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server, and with it whatever of its session would outlive it."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        time.sleep(0.5)
