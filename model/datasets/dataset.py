"""Dataset: one Interactions table and one Items table, whatever the source."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from model.catalogue import Catalogue, attribute_names

Simulated = Literal["nothing", "times", "everything"]

INTERACTION_SCHEMA = {"user_id": pl.String, "item_id": pl.String, "event_time_s": pl.Int64}
OPTIONAL_INTERACTION_COLUMNS = {
    "request_id": pl.String,
    "position": pl.Int64,
    "propensity": pl.Float64,
    "weight": pl.Float64,
}


@dataclass(frozen=True)
class Dataset:
    """What every source is read into.

    interactions: user_id, item_id, event_time_s (epoch seconds; null where the source has an order but no time), sorted
        by user and then by time, ties in the source's order; optional request_id, position, propensity, weight.
    items: item_id, optional title, every other column one attribute as list[str].
    instructable: the attributes that instructions are drawn from in tuning and evaluation.
    simulated: what of it was simulated; named in every report made from it.
    """

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    instructable: tuple[str, ...]
    time_unit: str = "1 s"
    simulated: Simulated = "nothing"
    notes: tuple[str, ...] = ()
    extra: dict[str, pl.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_interactions(self.interactions)
        unknown = set(self.instructable) - set(attribute_names(self.items))
        if unknown:
            raise ValueError(f"expected instructable attributes to be item attributes, got {sorted(unknown)}")

    def revision(self) -> str:
        """A short fingerprint of both tables' contents."""
        parts = (self.interactions.hash_rows(seed=0), self.items.hash_rows(seed=0))
        return hashlib.sha256(b"".join(part.to_numpy().tobytes() for part in parts)).hexdigest()[:16]

    def catalogue(self) -> Catalogue:
        """The items as a Catalogue."""
        return Catalogue(self.items)


def check_interactions(interactions: pl.DataFrame) -> None:
    """Raise ValueError where the table is not an Interactions table."""
    allowed = INTERACTION_SCHEMA | OPTIONAL_INTERACTION_COLUMNS
    for name, dtype in interactions.schema.items():
        if name not in allowed:
            raise ValueError(f"expected interaction columns {sorted(allowed)}, got {name!r}")
        if dtype != allowed[name]:
            raise ValueError(f"expected interaction column {name} as {allowed[name]}, got {dtype}")
    missing = set(INTERACTION_SCHEMA) - set(interactions.columns)
    if missing:
        raise ValueError(f"expected interaction columns {sorted(INTERACTION_SCHEMA)}, missing {sorted(missing)}")
