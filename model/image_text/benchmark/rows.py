"""Rows: what was measured, one JSON object a line, so that nothing is measured twice."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.release import git_revision

Row = dict[str, Any]
ROWS_FILE = "rows.jsonl"
KEY = ("variant", "seed", "config_sha256", "data_revision", "feature_space")


def name_of(row: Row) -> str:
    """The variant, and what it was trained on beside its own pairs."""
    extra = row.get("extra_pairs", [])
    return ", with ".join([row["variant"], *extra])


class Rows:
    """A file of rows; `add` is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Row]:
        """Every row, in the order they were measured."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def find(self, key: Mapping[str, object]) -> Row | None:
        """The last row with these values of KEY."""
        found = [row for row in self.all() if all(row[name] == key[name] for name in KEY)]
        return found[-1] if found else None

    def add(self, row: Row) -> None:
        """Append a row, with when, where and from which source it was measured."""
        row = row | {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "git_revision": git_revision(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
