"""Artwork: python -m model.datasets.artwork --data-dir DIR --out DIR makes the tables that a library is built from.

DIR holds covers.parquet, sentences.parquet, ocr.parquet and images/. Written are covers.parquet (artwork_id, image,
title, artist, read_text, list columns as attributes), sentences.parquet (artwork_id, sentence) and queries.parquet
(artwork_id, query, kind, split): a title with its artist, or a sentence about the picture itself.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.datasets.report import DatasetError

# Sentences that speak of the picture; the others speak of the music.
ABOUT_THE_PICTURE = ("artwork_credit", "review_about_cover")
MIN_READ_SCORE = 0.5
FILES = ("covers.parquet", "sentences.parquet", "ocr.parquet")
_WORDS = pl.List(pl.String)


@dataclass(frozen=True)
class ArtworkTables:
    """Three tables, columns as the module says."""

    covers: pl.DataFrame
    sentences: pl.DataFrame
    queries: pl.DataFrame


def load_artwork(folder: Path) -> ArtworkTables:
    """Read the data set; raises DatasetError where a file is missing."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise DatasetError(f"expected {', '.join(missing)} in {folder}, found none")
    raw, sentences, lines = (pl.read_parquet(folder / name) for name in FILES)
    read = lines.filter(pl.col("score") >= MIN_READ_SCORE).sort("id", "line_idx")
    covers = raw.join(read.group_by("id", maintain_order=True).agg(read_text=pl.col("text")), on="id", how="left")
    covers = covers.select(
        artwork_id="id",
        image="image",
        title="album",
        artist="artist",
        read_text=pl.col("read_text").fill_null(pl.lit([], dtype=_WORDS)),
        genre=_listed("genre"),
        decade=_listed("decade"),
        tag=pl.col("tags").str.json_decode(_WORDS),
        source=_listed("source"),
    )
    about = sentences.filter(pl.col("kind").is_in(ABOUT_THE_PICTURE)).sort("id", "sentence_idx")
    titled = raw.filter(pl.col("album").is_not_null() & pl.col("artist").is_not_null())
    queries = pl.concat(
        [
            titled.select(
                artwork_id="id",
                query=pl.col("artist") + " " + pl.col("album"),
                kind=pl.lit("title"),
                split="split",
            ),
            about.select(artwork_id="id", query="sentence", kind=pl.lit("sentence"), split="split"),
        ]
    )
    return ArtworkTables(covers, about.select(artwork_id="id", sentence="sentence"), queries)


def _listed(column: str) -> pl.Expr:
    """A single value as a list of one, null where there is none."""
    return pl.when(pl.col(column).is_not_null()).then(pl.concat_list(column)).alias(column)


def main(argv: list[str] | None = None) -> int:
    """0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m model.datasets.artwork", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        tables = load_artwork(options.data_dir)
    except DatasetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for name in ("covers", "sentences", "queries"):
        getattr(tables, name).write_parquet(options.out / f"{name}.parquet")
    sys.stdout.write(f"{len(tables.covers)} covers, {len(tables.queries)} queries\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
