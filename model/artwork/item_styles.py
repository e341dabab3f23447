"""Cover styles as an attribute of items: python -m model.artwork.item_styles --root ROOT --items ITEMS --out TABLE.

ITEMS is the table that a catalogue is made from (CSV or Parquet); an item's cover is the one whose id is in its column
artwork_id, or that has the item's own id. TABLE (Parquet) is the same with a list column cover_style: an attribute like
any other, so that an item without a single event has a place beside those whose covers look alike, and so that
instructions can ask for it.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

from model.artwork.cover import STYLE
from model.artwork.inference import ArtworkRelease
from model.artwork.library import Library
from model.release import current_release

KEY = "artwork_id"


def with_styles(items: pl.DataFrame, library: Library) -> pl.DataFrame:
    """The items and their styles, null for one without a known cover; ValueError where no item has one."""
    key = KEY if KEY in items.columns else "item_id"
    if key not in items.columns:
        raise ValueError(f"expected a column {KEY} or item_id, got {items.columns}")
    styles = [_style(library, artwork_id) for artwork_id in items[key].cast(pl.String).to_list()]
    if not any(styles):
        raise ValueError(f"expected covers for some items, got none for the {len(items)} ids in {key}")
    return items.with_columns(pl.Series(STYLE, styles, dtype=pl.List(pl.String)))


def _style(library: Library, artwork_id: str | None) -> list[str] | None:
    row = None if artwork_id is None else library.row_of(artwork_id)
    if row is None:
        return None
    segment, own = library.place(row)
    return segment.catalogue.describe(own)[STYLE]


def main(argv: list[str] | None = None) -> int:
    """0, or 2 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m model.artwork.item_styles", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of artwork releases")
    parser.add_argument("--items", type=Path, required=True, help="CSV or Parquet, one row per item")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        read = pl.read_parquet if options.items.suffix == ".parquet" else pl.read_csv
        items = with_styles(read(options.items), ArtworkRelease.load(current_release(options.root)).library)
        items.write_parquet(options.out)
    except (ValueError, OSError, pl.exceptions.PolarsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{items[STYLE].drop_nulls().len()} of {len(items)} items have a cover\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
