"""Intake: the table of covers, and what was added to a running service, as pictures to be looked at."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from model.artwork.additions import Additions
from model.artwork.cover import RESERVED

REQUIRED = {"artwork_id": pl.String, "image": pl.String}
OPTIONAL = {"title": pl.String, "artist": pl.String, "read_text": pl.List(pl.String)}


@dataclass(frozen=True)
class Incoming:
    """A cover before anything looked at it. content: its picture. revision: of an addition, else empty."""

    artwork_id: str
    content: Callable[[], bytes]
    title: str | None
    artist: str | None
    attributes: Mapping[str, tuple[str, ...]]
    read_text: tuple[str, ...] = ()
    revision: str = ""


def read_table(path: Path) -> pl.DataFrame:
    """A table of covers, all columns but REQUIRED and OPTIONAL attributes; ValueError where it is none."""
    table = pl.read_parquet(path)
    for name, kind in (REQUIRED | OPTIONAL).items():
        if name in REQUIRED and name not in table.columns:
            raise ValueError(f"expected a column {name} in {path.name}, got {table.columns}")
        if name in table.columns and table.schema[name] != kind:
            raise ValueError(f"expected {name} of {path.name} as {kind}, got {table.schema[name]}")
    for name in _attributes(table):
        if table.schema[name] != pl.List(pl.String) or name in RESERVED:
            raise ValueError(f"expected attributes other than {RESERVED}, lists of strings, got {name}")
    if table["artwork_id"].null_count() or table["artwork_id"].n_unique() != len(table):
        raise ValueError(f"expected unique artwork_id in {path.name}")
    return table


def incoming(table: pl.DataFrame, images: Path, additions: Additions) -> Iterator[Incoming]:
    """The covers of a table and the additions, but those that were taken away.

    An addition with the id of a cover takes its place.
    """
    added = {
        stored.addition.cover.artwork_id: Incoming(
            stored.addition.cover.artwork_id,
            stored.image,
            stored.addition.cover.title,
            stored.addition.cover.artist,
            {name: tuple(values) for name, values in stored.addition.cover.attributes.items()},
            stored.addition.cover.read_text,
            stored.addition.cover.revision,
        )
        for stored in additions
    }
    attributes, removed = _attributes(table), additions.removed()
    for row in table.iter_rows(named=True):
        if row["artwork_id"] in removed:
            continue
        if row["artwork_id"] in added:
            yield added.pop(row["artwork_id"])
        else:
            yield _of_row(row, attributes, images)
    yield from added.values()


def _of_row(row: dict[str, Any], attributes: list[str], images: Path) -> Incoming:
    return Incoming(
        row["artwork_id"],
        (images / row["image"]).read_bytes,
        row.get("title"),
        row.get("artist"),
        {name: tuple(row[name]) for name in attributes if row[name]},
        tuple(row.get("read_text") or ()),
    )


def _attributes(table: pl.DataFrame) -> list[str]:
    return [name for name in table.columns if name not in REQUIRED and name not in OPTIONAL]
