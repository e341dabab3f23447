"""The publisher's files of hetrec2011-lastfm-2k: user_artists.dat, artists.dat, tags.dat, user_taggedartists.dat."""

from pathlib import Path

import polars as pl

from model.datasets.delimited import read_delimited
from model.datasets.report import LoadReport
from model.datasets.tag_facets import facets_of_tags


def read_user_artists(path: Path, report: LoadReport) -> pl.DataFrame:
    """One row per listener and artist: line, user_id, item_id, weight (plays)."""
    raw = read_delimited(path, report, separator="\t")
    plays = raw.select(
        "line",
        pl.col("userID").alias("user_id"),
        pl.col("artistID").alias("item_id"),
        pl.col("weight").cast(pl.Float64, strict=False),
    )
    unreadable = plays.filter(pl.col("weight").is_null())
    report.rows_read += len(unreadable)
    report.found("malformed_row", path.name, unreadable["line"].to_list(), "expected a play count")
    plays = plays.drop_nulls("weight")
    # An event has no published time here, so what repeats is the pair itself.
    repeated = plays.filter(~pl.struct("user_id", "item_id").is_first_distinct())
    report.rows_read += len(repeated)
    report.found("duplicate_event", path.name, repeated["line"].to_list(), "same user and artist; the first is kept")
    return plays.filter(~pl.col("line").is_in(repeated["line"].implode()))


def read_artists(folder: Path, report: LoadReport) -> pl.DataFrame:
    """The item table: every artist with the facets that its tags tell; untagged artists have none."""
    artists = read_delimited(folder / "artists.dat", report, separator="\t")
    tags = read_delimited(folder / "tags.dat", report, separator="\t", encoding="latin-1")
    tagged = read_delimited(folder / "user_taggedartists.dat", report, separator="\t")
    taggings = tagged.join(tags, on="tagID", how="inner").group_by("artistID", "tagValue").agg(pl.len().alias("users"))
    facets = facets_of_tags(taggings.rename({"artistID": "item_id", "tagValue": "tag"}))
    items = artists.select(pl.col("id").alias("item_id"), pl.col("name").alias("title"))
    return items.join(facets, on="item_id", how="left", maintain_order="left")
