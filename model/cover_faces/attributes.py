"""Faces on covers as item attributes: python -m model.cover_faces.attributes --profiles ROOT --items FILE --out FILE.

Adds the columns cover_expression and cover_faces to an item table (CSV or Parquet), so that a catalogue built from it
takes "smile on the cover" as an instruction: {"cover_expression": {"any": ["smile"]}}.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

from model.cover_faces.profiles import CoverFaces, CoverProfile
from model.cover_faces.reading import FaceReading
from model.release import current_release

EXPRESSION, FACES = "cover_expression", "cover_faces"
# A value holds where one face shows all of its action units.
EXPRESSIONS = {
    "smile": ("AU06", "AU12"),
    "raised brows": ("AU01", "AU02"),
    "open mouth": ("AU25", "AU26"),
}
SEPARATOR = "|"


def expressions_of(profile: CoverProfile) -> list[str]:
    """What the faces of a cover look like; faces that are not to be read add nothing."""
    return [name for name, units in EXPRESSIONS.items() if any(_shows(face, units) for face in profile.faces)]


def face_count_of(profile: CoverProfile) -> list[str]:
    """no face, one face or several faces; nothing where the image could not be read."""
    if profile.unreadable:
        return []
    return [("no face", "one face", "several faces")[min(len(profile.faces), 2)]]


def with_face_attributes(items: pl.DataFrame, profiles: CoverFaces, cover_column: str) -> pl.DataFrame:
    """Items with both columns, lists of values; empty for items whose cover was never looked at. Raises ValueError."""
    taken = {EXPRESSION, FACES} & set(items.columns)
    if taken or cover_column not in items.columns:
        raise ValueError(f"expected a column {cover_column} and none of {sorted(taken)}, got {items.columns}")
    rows = [None if cover is None else profiles.profile(str(cover)) for cover in items[cover_column]]
    expressions = [[] if row is None else expressions_of(row) for row in rows]
    counts = [[] if row is None else face_count_of(row) for row in rows]
    values = pl.List(pl.String)
    return items.with_columns(pl.Series(EXPRESSION, expressions, dtype=values), pl.Series(FACES, counts, dtype=values))


def _shows(face: FaceReading, units: tuple[str, ...]) -> bool:
    return face.units is not None and all(unit in face.units and face.units[unit].present for unit in units)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.cover_faces.attributes", description=__doc__)
    parser.add_argument("--profiles", type=Path, required=True, help="folder of cover-faces releases")
    parser.add_argument("--items", type=Path, required=True, help="item table, CSV or Parquet")
    parser.add_argument("--cover-column", default="item_id", help="column with the cover's id")
    parser.add_argument("--out", type=Path, required=True, help="CSV or Parquet, by its suffix")
    arguments = parser.parse_args(argv)
    try:
        profiles = CoverFaces.load(current_release(arguments.profiles))
        parquet = arguments.items.suffix == ".parquet"
        items = pl.read_parquet(arguments.items) if parquet else pl.read_csv(arguments.items, infer_schema=False)
        joined = with_face_attributes(items, profiles, arguments.cover_column)
        if arguments.out.suffix == ".parquet":
            joined.write_parquet(arguments.out)
        else:
            flat = [pl.col(name).list.join(SEPARATOR).replace("", None) for name in (EXPRESSION, FACES)]
            joined.with_columns(flat).write_csv(arguments.out)
    except (ValueError, OSError, pl.exceptions.PolarsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    known = sum(profiles.profile(str(cover)) is not None for cover in items[arguments.cover_column])
    sys.stdout.write(f"{arguments.out}: {known} of {len(items)} items have a cover that was looked at\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
