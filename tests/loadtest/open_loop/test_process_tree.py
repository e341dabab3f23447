"""A process tree is held still as a whole and goes on afterwards."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.open_loop.process_tree import cpu_s, stall, stall_at, tree
from tests.service.running import wait_until

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
child.wait()
"""


@pytest.fixture
def parent():
    process = subprocess.Popen([sys.executable, "-c", PARENT])
    try:
        wait_until(lambda: len(tree(process.pid)) == 2)
        yield process.pid
    finally:
        for pid in reversed(tree(process.pid)):
            Path(f"/proc/{pid}").exists() and subprocess.run(["kill", "-9", str(pid)], check=False)
        process.wait()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_children_are_held_still_too(parent, monkeypatch):
    states = []
    child = tree(parent)[1]
    monkeypatch.setattr(time, "sleep", lambda seconds: states.append((seconds, stopped(child), stopped(parent))))
    stall(parent, 0.3)
    assert states == [(0.3, True, True)]
    monkeypatch.undo()
    wait_until(lambda: state(child) != "T" and state(parent) != "T")


def stopped(pid):
    # The signal is sent before the process notices it.
    return any(state(pid) == "T" for _ in range(1_000))


def test_it_goes_on_even_where_the_stall_is_broken_off(parent, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stall(parent, 1)
    monkeypatch.undo()
    wait_until(lambda: state(tree(parent)[1]) != "T")


def test_cpu_time_is_that_of_all_processes(parent):
    before_s = cpu_s(parent)
    # The parent only waits: what is taken is the child's.
    wait_until(lambda: cpu_s(parent) - before_s >= 0.2)


def test_a_stall_waits_for_its_moment(parent):
    start_s = time.monotonic()
    stall_at(parent, 0.2, 0.1, start_s)
    assert time.monotonic() - start_s >= 0.3


def test_a_process_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="running process, got 4194305"):
        tree(4_194_305)
