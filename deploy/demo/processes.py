"""Processes: a private redis-server and the service, started in order and stopped without leftovers."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

READY_TIMEOUT_S = 90
STOP_TIMEOUT_S = 15
LOG_TAIL_LINES = 20


class StartError(RuntimeError):
    """A process that did not come up; the message carries the end of its log."""


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether the service could listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Processes:
    """Everything the demo keeps running; leaving the context stops it, newest first."""

    def __init__(self, logs: Path) -> None:
        self._stack = ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_redis(self, binary: str) -> str:
        """Start a redis-server that only this user can reach and that keeps nothing; returns its address."""
        # Not below var/: the path of a unix socket may have at most 107 bytes.
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="climber-pilot-"))
        path = Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no", "--dir", folder]
        self._start("redis-server", [binary, *options], dict(os.environ))
        self._wait("redis-server", path.exists)
        return f"unix://{path}"

    def start_service(self, releases: Path, redis_url: str, port: int) -> str:
        """Start the service on a loopback port and wait until it is warm; returns its address."""
        address = f"http://127.0.0.1:{port}"
        settings = {
            "REC_RELEASE_ROOT": str(releases),
            "REC_REDIS_URL": redis_url,
            "REC_HOST": "127.0.0.1",
            "REC_PORT": str(port),
        }
        environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
        self._start("service", [sys.executable, "-m", "service"], environment)
        self._wait("service", lambda: _answers(f"{address}/health/ready"))
        return address

    def wait(self) -> str:
        """Block until one of the processes ends; returns its name."""
        while True:
            for name, process in self._running.items():
                if process.poll() is not None:
                    return name
            time.sleep(0.5)

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = self._stack.enter_context(self._log(name).open("wb"))
        # A session of its own: Ctrl-C reaches the demo alone, which then stops its children in order.
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        self._running[name] = process
        self._stack.callback(_stop, process)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not ready():
            if self._running[name].poll() is not None:
                raise StartError(f"{name} ended with status {self._running[name].returncode}\n{self._tail(name)}")
            if time.monotonic() > deadline:
                raise StartError(f"{name} was not ready within {READY_TIMEOUT_S} s\n{self._tail(name)}")
            time.sleep(0.1)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _tail(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines()
        return "\n".join([f"{self._log(name)} ends with:", *lines[-LOG_TAIL_LINES:]])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
