"""ProcessTree: what a process and all its descendants have used, read from /proc."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """rss_bytes: resident, shared pages counted in full; pss_bytes: shared pages divided by those who share them."""

    rss_bytes: int
    pss_bytes: int


def process_tree(root: int) -> list[int]:
    """Process ids of `root` and its living descendants, `root` first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_s(root: int) -> float:
    """User and system CPU seconds of the tree, those of its ended and reaped children included.

    Granularity: one clock tick, 10 ms as a rule, per process.
    """
    total = 0
    for pid in process_tree(root):
        fields = _stat(pid)
        total += sum(map(int, fields[11:15])) if fields else 0
    return total / _TICKS_PER_S


def threads_cpu_s(pid: int) -> float:
    """CPU seconds of one process's living threads, to the nanosecond; raises OSError where the kernel does not tell.

    For a server that costs less than a clock tick now and then. What its ended threads did is not in it.
    """
    tasks = (PROC / str(pid) / "task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory(root: int) -> list[Memory]:
    """Memory of every living process of the tree, `root` first."""
    found = []
    for pid in process_tree(root):
        # Zombies and what ended since have none.
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(_memory(pid))
    return found


def _memory(pid: int) -> Memory:
    kib: dict[str, int] = {}
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            kib[name] = int(value.split()[0])
    return Memory(1024 * kib["Rss"], 1024 * kib["Pss"])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none where the process has ended."""
    try:
        # The command's name stands in parentheses and may hold anything.
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
