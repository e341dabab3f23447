"""The kill drill: publishing, rolling back and loading, killed before every step; what is on disk must be whole."""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.release_drill.readiness import readiness
from loadtest.speed.servers import Servers
from model.climber_pilot.inference import Retriever
from model.release import read_current, roll_back, set_current, verify_release, write_release

# What changes or reads files, as CPython announces it.
STEPS = frozenset(
    {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.scandir"}
    | {"fcntl.flock", "tempfile.mkdtemp", "shutil.rmtree", "mmap.__new__", "os.listdir"}
)
SURVIVED = 0
# A load, a judgement and a swap take about as long.
LOAD_S = 1.0


def kill_everywhere(source: Path, loads: int) -> list[dict[str, Any]]:
    """Per operation: the steps it has, how often it was killed, and what was wrong afterwards.

    Forks: to be called before any library has started threads. loads: kills during loads, spread over all their steps.
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "releases"
        files: dict[str, Path | bytes] = {one.name: one for one in source.iterdir() if one.name != "manifest.json"}
        for number in range(2):
            set_current(root, write_release(root, files, {"number": number}).release_id)
        current = read_current(root)

        def publish() -> None:
            set_current(root, write_release(root, files, {"number": 2}).release_id)

        operations: dict[str, tuple[Callable[[], object], int | None]] = {
            "publish": (publish, None),
            "rollback": (lambda: roll_back(root), None),
            "load": (lambda: Retriever.load(root / source.name), loads),
        }
        shutil.copytree(source, root / source.name)
        for name, (operation, most) in operations.items():
            steps = _steps(operation, root, current.release_id)
            chosen = range(steps) if most is None else sorted({step * steps // most for step in range(most)})
            faults: list[str] = []
            for step in tqdm(chosen, desc=f"kills of {name}", unit="kill"):
                _restore(root, current.release_id)
                if _killed_at(operation, step) == SURVIVED:
                    faults.append(f"step {step}: expected to be killed, was not")
                faults += [f"step {step}: {fault}" for fault in _faults(root)]
            rows.append({"operation": name, "steps": steps, "kills": len(chosen), "faults": faults})
    return rows


def kill_services(first: Path, second: Path, logs: Path, kills: int) -> dict[str, Any]:
    """Kill a service at random moments after a publish, and start it again; in which release it comes up."""
    rng = random.Random(0)
    settings = {"REC_RELEASE_POLL_MS": "10", "REC_RUNTIME": "numpy"}
    faults: list[str] = []
    came_up: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "releases"
        for path in (first, second):
            shutil.copytree(path, root / path.name)
        for number in tqdm(range(kills), desc="kills of a service", unit="kill"):
            set_current(root, first.name)
            with Servers(logs) as servers:
                servers.start_service(root, "unix:///nowhere", settings=settings)
                set_current(root, second.name)
                time.sleep(rng.random() * LOAD_S)
                os.kill(servers.pids["service"], signal.SIGKILL)
            with Servers(logs) as servers:
                ready = readiness(servers.start_service(root, "unix:///nowhere", settings=settings))
            came_up[ready["release"]] = came_up.get(ready["release"], 0) + 1
            if ready["release"] != second.name or ready["refused"]:
                faults.append(f"kill {number}: expected {second.name} in force, got {ready}")
    return {"operation": "service", "kills": kills, "came_up": came_up, "faults": faults}


def _steps(operation: Callable[[], object], root: Path, release_id: str) -> int:
    """How many steps the operation takes; it is done once, in a process of its own."""
    _restore(root, release_id)
    read, write = os.pipe()

    def count() -> None:
        seen = 0

        def hook(event: str, _: object) -> None:
            nonlocal seen
            seen += event in STEPS

        sys.addaudithook(hook)
        operation()
        os.write(write, str(seen).encode())

    status = _forked(count)
    os.close(write)
    text = os.read(read, 100)
    os.close(read)
    if status != SURVIVED:
        raise ValueError(f"expected the operation to succeed, got status {status}")
    return int(text)


def _killed_at(operation: Callable[[], object], step: int) -> int:
    def run() -> None:
        left = step

        def hook(event: str, _: object) -> None:
            nonlocal left
            if event in STEPS:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(hook)
        operation()

    return _forked(run)


def _forked(function: Callable[[], object]) -> int:
    """The wait status of a child that does it: 0, or what ended it."""
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    return os.waitpid(child, 0)[1]


def _restore(root: Path, release_id: str) -> None:
    """As it was before the operation, but for what the last kill has left lying about."""
    pointer = read_current(root)
    if pointer.release_id != release_id:
        set_current(root, release_id)


def _faults(root: Path) -> list[str]:
    """What is wrong in a folder of releases, now and after the next writer has been here."""
    faults = []
    pointer = read_current(root)
    for name in {one.name for one in root.iterdir() if one.is_dir() and not one.name.startswith(".")}:
        try:
            verify_release(root / name)
        except ValueError as error:
            faults.append(str(error))
    if not (root / pointer.release_id).is_dir():
        faults.append(f"current names {pointer.release_id}, which is not there")
    extra = write_release(root, {"file": b"1"}, {})
    shutil.rmtree(extra.path)
    faults += [f"left over: {one.name}" for one in root.iterdir() if one.name.startswith(".")]
    return faults
