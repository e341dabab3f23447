"""Cover: what is known of one album cover, and the table that a release keeps of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

STYLE = "cover_style"
RESERVED = ("item_id", "title", STYLE)
DETAILS: dict[str, pl.DataType | type[pl.DataType]] = {
    "artist": pl.String,
    "read_text": pl.List(pl.String),
    "fingerprint": pl.UInt64,
    "image_sha256": pl.String,
    "picture": pl.String,
    "revision": pl.String,
}


@dataclass(frozen=True)
class Cover:
    """attributes: each with its values, sorted. read_text: lines read off the picture.

    picture: image_sha256 of the first cover that looks the same. revision: hash of the addition that it came with,
    empty for one of the original table.
    """

    artwork_id: str
    fingerprint: int
    image_sha256: str
    title: str | None = None
    artist: str | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    read_text: tuple[str, ...] = ()
    picture: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        reserved = sorted(set(self.attributes) & set(RESERVED))
        if reserved:
            raise ValueError(f"expected attributes other than {reserved}, which have a place of their own")
        kept = {name: tuple(sorted(set(values))) for name, values in self.attributes.items() if values}
        object.__setattr__(self, "attributes", kept)
        object.__setattr__(self, "read_text", tuple(self.read_text))


def item_table(covers: Sequence[Cover], styles: Sequence[str]) -> pl.DataFrame:
    """The covers as a catalogue reads them: item_id, title, one list column per attribute, and the style."""
    names = list(dict.fromkeys(name for cover in covers for name in cover.attributes))
    columns: dict[str, pl.Series] = {
        "item_id": pl.Series([cover.artwork_id for cover in covers], dtype=pl.String),
        "title": pl.Series([cover.title for cover in covers], dtype=pl.String),
    }
    for name in names:
        values = [list(cover.attributes[name]) if name in cover.attributes else None for cover in covers]
        columns[name] = pl.Series(values, dtype=pl.List(pl.String))
    columns[STYLE] = pl.Series([[style] for style in styles], dtype=pl.List(pl.String))
    return pl.DataFrame(columns)


def detail_table(covers: Sequence[Cover]) -> pl.DataFrame:
    """All else, row by row beside the item table."""
    return pl.DataFrame({name: [getattr(cover, name) for cover in covers] for name in DETAILS}, schema=DETAILS)
