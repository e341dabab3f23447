"""Rows of figures: one line of JSON per measured cell, with all that is needed to judge it."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.benchmark_rows import Row, Rows
from model.release import git_revision

ROWS_FILE = "rows.jsonl"
UNITS = {
    "server_cpu_us_per_request": "us of CPU of the server's whole process tree",
    "throughput_per_s": "answers per second of wall time",
    "throughput_per_server_cpu_s": "answers per second of server CPU",
    "latencies_ms": "ms, closed loop, as the client sees it; mean of the chunks' percentiles",
    "stages_ms": "ms of wall time inside the server, mean",
    "pss_mib": "MiB per process, the tree's root first",
}


def row(kind: str, name: str, cell: Mapping[str, Any], figures: Mapping[str, Any], **facts: Any) -> Row:
    """A finished row."""
    return {
        "kind": kind,
        "name": name,
        "cell": dict(cell),
        **facts,
        "git_revision": git_revision(),
        "device": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "units": UNITS,
        "figures": dict(figures),
    }


def finished(
    out: Path, kind: str, revision: str, release_ids: Sequence[str], settings: Mapping[str, str] | None = None
) -> dict[str, Row]:
    """Name -> the newest row of this revision of the code, of these releases and under these settings."""
    return {
        one["name"]: one
        for one in Rows(out / ROWS_FILE).read()
        if (one["kind"], one["git_revision"], one.get("settings", {})) == (kind, revision, dict(settings or {}))
        and one["release"] in release_ids
    }


def keep(out: Path, one: Row) -> None:
    """Append a row to OUT/rows.jsonl and return once it is on disk."""
    Rows(out / ROWS_FILE).append(one)


def machine() -> str:
    """Processor model and how many of its cores this process may use."""
    path = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*:\s*(.*)$", path.read_text(), re.MULTILINE) if path.exists() else []
    return f"{models[0] if models else platform.machine()}, {len(os.sched_getaffinity(0))} cores"
