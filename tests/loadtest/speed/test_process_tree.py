import os
import subprocess
import sys

import pytest

from loadtest.speed.process_tree import cpu_s, memory, process_tree, threads_cpu_s

# The child works for 0.3 s, says so and waits; the parent waits for it, then says so and waits too.
CHILD = """
import time
while time.process_time() < 0.3:
    pass
print("worked", flush=True)
input()
"""
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {CHILD!r}])
print("reaped", flush=True)
input()
"""


@pytest.fixture
def family():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "worked\n"
        yield process
        process.kill()


def test_the_work_of_a_child_is_charged_to_its_parent(family):
    parent, child = process_tree(family.pid)
    assert parent == family.pid
    assert cpu_s(child) >= 0.25
    assert cpu_s(parent) >= cpu_s(child)


def test_the_work_of_a_child_that_has_ended_still_counts(family):
    family.stdin.write("\n")
    family.stdin.flush()
    assert family.stdout.readline() == "reaped\n"
    assert process_tree(family.pid) == [family.pid]
    assert cpu_s(family.pid) >= 0.25


def test_both_clocks_agree(family):
    _, child = process_tree(family.pid)
    assert threads_cpu_s(child) == pytest.approx(cpu_s(child), abs=0.03)


def test_every_process_of_the_tree_has_memory(family):
    assert len(memory(family.pid)) == 2


def test_a_process_has_at_least_its_share_of_shared_memory():
    own = memory(os.getpid())[0]
    assert own.rss_bytes >= own.pss_bytes > 1 << 20


def test_an_ended_process_has_no_memory_and_costs_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu_s(process.pid) == 0
    assert memory(process.pid) == []
