"""Run: one line of a benchmark; Rows: the file of what runs found, so that a finished run is never run again."""

import hashlib
import json
import logging
import os
import platform
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from model.release import git_revision

logger = logging.getLogger(__name__)

Row = dict[str, Any]
Key = tuple[str, str, str, int, str, str]
ROWS_FILE = "rows.jsonl"
WORK_FOLDER = "work"


def always_ready() -> None:
    """The check of a run that needs nothing special."""


@dataclass(frozen=True)
class Run:
    """One variant of a suite under one seed.

    config: everything that decides the result beside the seed and the data, as JSON-able values.
    execute: work folder -> figures, JSON-able; what it began there before it was killed it may go on with. Figures may
        name their own "cpu_minutes" where the work of an earlier process counts too.
    ready: raises ValueError where the run could not start here (a package is missing), before any run starts.
    """

    suite: str
    dataset: str
    variant: str
    seed: int
    config: dict[str, Any]
    data_revision: str
    execute: Callable[[Path], dict[str, Any]]
    ready: Callable[[], None] = always_ready

    @property
    def config_sha256(self) -> str:
        """Fingerprint of the configuration."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> Key:
        """What makes two runs the same run."""
        return (self.suite, self.dataset, self.variant, self.seed, self.config_sha256, self.data_revision)

    @property
    def folder(self) -> str:
        """Name of the work folder: readable, and another one for another key."""
        name = re.sub(r"[^a-z0-9]+", "-", self.variant.lower()).strip("-")
        return f"{name}-{self.seed}-{hashlib.sha256(json.dumps(self.key).encode()).hexdigest()[:8]}"


def key_of(row: Row) -> Key:
    """The key of the run that a row came from."""
    names = ("suite", "dataset", "variant", "seed", "config_sha256", "data_revision")
    suite, dataset, variant, seed, config_sha256, data_revision = (row[name] for name in names)
    return (suite, dataset, variant, seed, config_sha256, data_revision)


class Rows:
    """OUT/rows.jsonl: one line per finished run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Row]:
        """All whole rows, oldest first; a line that a kill cut short is left out with a warning."""
        if not self.path.exists():
            return []
        rows: list[Row] = []
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                rows += [json.loads(line)] if line else []
            except json.JSONDecodeError:
                logger.warning("line %d of %s is not a whole row and is left out", number, self.path)
        return rows

    def append(self, row: Row) -> None:
        """Add a row and return once it is on disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def of(self, runs: Iterable[Run]) -> list[Row]:
        """The rows of the given runs, in their order; runs without a row are left out."""
        kept = {key_of(row): row for row in self.read()}
        return [kept[run.key] for run in runs if run.key in kept]


def perform(run: Run, out: Path, *, device: str, command: str) -> Row:
    """Execute a run in its work folder below OUT and append its row to OUT/rows.jsonl."""
    work = out / WORK_FOLDER / run.folder
    work.mkdir(parents=True, exist_ok=True)
    started_s = time.process_time()
    figures = run.execute(work)
    spent = (time.process_time() - started_s) / 60
    row: Row = {
        "suite": run.suite,
        "dataset": run.dataset,
        "variant": run.variant,
        "seed": run.seed,
        "config": run.config,
        "config_sha256": run.config_sha256,
        "data_revision": run.data_revision,
        "git_revision": git_revision(),
        "device": device,
        "machine": machine(),
        "cpu_minutes": round(figures.pop("cpu_minutes", spent), 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": command,
        "figures": figures,
    }
    Rows(out / ROWS_FILE).append(row)
    return row


def machine() -> str:
    """Processor model, and the threads that torch uses of it."""
    path = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*:\s*(.*)$", path.read_text(), re.MULTILINE) if path.exists() else []
    return f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"
