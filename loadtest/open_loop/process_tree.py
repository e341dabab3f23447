"""Process tree: a server with all its worker processes, what CPU time they took, and how to hold them still."""

import os
import signal
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all its descendants; raises ValueError where there is no such process."""
    if not Path(f"/proc/{pid}").exists():
        raise ValueError(f"expected the id of a running process, got {pid}")
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that the tree has taken so far."""
    total = 0
    for process in tree(pid):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_S


def stall(pid: int, duration_s: float) -> None:
    """Hold the whole tree still, as a host that hangs; it goes on whatever happens here."""
    held = tree(pid)
    try:
        for process in held:
            _signal(process, signal.SIGSTOP)
        time.sleep(duration_s)
    finally:
        for process in held:
            _signal(process, signal.SIGCONT)


def stall_at(pid: int, after_s: float, duration_s: float, start_s: float) -> None:
    """The same, after_s after start_s of time.monotonic()."""
    time.sleep(max(0.0, start_s + after_s - time.monotonic()))
    stall(pid, duration_s)


def _signal(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
