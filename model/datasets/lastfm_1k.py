"""Last.fm 1K users (O. Celma, 2010): 992 listeners' complete play logs with times, artists and tracks.

The published table has 19,150,868 rows without attributes; a handful of them have stray tabs or line breaks and are
reported as malformed, plays of one second that were logged twice as duplicates.
"""

from pathlib import Path
from typing import Literal

import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.interactions import interactions_table
from model.datasets.report import DatasetError, LoadReport
from model.datasets.times import parse_times

COLUMNS = ("user_id", "time", "artist_id", "artist", "track_id", "track")
ItemKind = Literal["artists", "tracks"]


def load(marker: Path, report: LoadReport, *, items: ItemKind = "artists", users: int | None = None) -> Dataset:
    """Read userid-timestamp-artid-artname-traid-traname.tsv.

    items: what is recommended; an artist or track without a MusicBrainz id is known by its name. Tracks have the
        attribute artist, artists have none.
    users: only the first so many listeners in order of their ids.
    """
    if items not in ("artists", "tracks"):
        raise DatasetError(f"expected items to be artists or tracks, got {items!r}")
    rows = _read(marker, report, items, users)
    named = rows.drop_nulls("item_id").unique("item_id", keep="first", maintain_order=True).sort("item_id")
    table = named.select("item_id", "title", *([pl.concat_list("artist").alias("artist")] if items == "tracks" else []))
    times = parse_times(rows["time"], "iso8601")
    events = rows.select("line", "user_id", "item_id").hstack(times)
    # The file is written newest first, so its order makes no claim that a time could contradict.
    interactions = interactions_table(events, report, marker.name)
    known = table.filter(pl.col("item_id").is_in(interactions["item_id"].unique().implode()))
    return Dataset("lastfm-1k", interactions, known, ("artist",) if items == "tracks" else ())


def _read(marker: Path, report: LoadReport, items: ItemKind, users: int | None) -> pl.DataFrame:
    """line, user_id, time, item_id, title, artist; malformed rows are reported and left out."""
    fields = pl.scan_lines(marker, name="text", row_index_name="line", row_index_offset=1).select(
        pl.col("line").cast(pl.Int64), pl.col("text").str.strip_suffix("\r").str.split("\t").alias("fields")
    )
    good = pl.col("fields").list.len() == len(COLUMNS)
    columns = [pl.col("fields").list.get(i, null_on_oob=True).alias(name) for i, name in enumerate(COLUMNS)]
    table = fields.filter(good).select("line", *columns)
    try:
        bad = fields.filter(~good).select("line").collect(engine="streaming")
        if users is not None:
            first = table.select(pl.col("user_id").unique().sort().head(users)).collect(engine="streaming")
            table = table.filter(pl.col("user_id").is_in(first["user_id"].implode()))
        rows = table.select("line", "user_id", "time", *_item(items)).collect(engine="streaming")
    except pl.exceptions.ComputeError as error:
        raise DatasetError(f"{marker.name} cannot be read as text: {error}", report) from error
    report.rows_read += len(bad)
    report.found("malformed_row", marker.name, bad["line"].to_list(), f"expected {len(COLUMNS)} fields")
    if rows.is_empty():
        report.found("empty_file", marker.name, [1], "no rows")
    return rows.sort("line")


def _item(items: ItemKind) -> list[pl.Expr]:
    artist, track = _given("artist"), _given("track")
    if items == "artists":
        return [pl.coalesce(_given("artist_id"), "artist:" + artist).alias("item_id"), artist.alias("title")]
    by_name = "track:" + pl.concat_str(artist, track, separator=" - ")
    return [
        pl.coalesce(_given("track_id"), by_name).alias("item_id"),
        pl.concat_str(artist, track, separator=" - ").alias("title"),
        artist.alias("artist"),
    ]


def _given(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name))
