"""Window: the archive's newest days and the items, as the data set of one training, on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.interactions import interactions_table
from model.datasets.report import LoadReport
from model.durable_files import replace_durably

INTERACTIONS_FILE, ITEMS_FILE, FACTS_FILE = "interactions.parquet", "items.parquet", "window.json"


@dataclass(frozen=True)
class WindowFacts:
    """What the tables cannot say. last_erasure: the archive's when the events were read."""

    name: str
    instructable: tuple[str, ...]
    simulated: str
    last_erasure: str
    notes: tuple[str, ...]


def window_dataset(events: pl.DataFrame, items: pl.DataFrame, facts: Mapping[str, Any]) -> Dataset:
    """Archived events (see Archive.window) of known items, and the items; facts: of the release they are trained from.

    Raises ValueError where no event is left.
    """
    report = LoadReport("archive")
    rows = events.with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))
    rows = rows.select("line", "user_id", "item_id", "event_time_s", "request_id")
    table = interactions_table(rows, report, "archive", item_ids=items["item_id"])
    if table.is_empty():
        raise ValueError("expected archived events of known items to train on, got none")
    notes: tuple[str, ...] = (f"{len(table)} archived events of {table['user_id'].n_unique()} users",)
    if not report.clean:
        notes += (f"left out: {report.summary()}",)
    instructable = tuple(facts["instructable"])
    return Dataset(facts["dataset"], table, items, instructable, simulated=facts["simulated"], notes=notes)


def write_window(dataset: Dataset, last_erasure: str, folder: Path) -> None:
    """Write a data set for good; what says that it is whole comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ((INTERACTIONS_FILE, dataset.interactions), (ITEMS_FILE, dataset.items)):
        buffer = BytesIO()
        table.write_parquet(buffer)
        replace_durably(folder / name, buffer.getvalue())
    facts = WindowFacts(dataset.name, dataset.instructable, dataset.simulated, last_erasure, dataset.notes)
    replace_durably(folder / FACTS_FILE, json.dumps(asdict(facts)).encode())


def read_window(folder: Path) -> tuple[Dataset, str]:
    """A data set as `write_window` wrote it, and the last erasure before it."""
    facts = json.loads((folder / FACTS_FILE).read_bytes())
    interactions, items = (pl.read_parquet(folder / name) for name in (INTERACTIONS_FILE, ITEMS_FILE))
    dataset = Dataset(
        facts["name"],
        interactions,
        items,
        tuple(facts["instructable"]),
        simulated=facts["simulated"],
        notes=tuple(facts["notes"]),
    )
    return dataset, facts["last_erasure"]
