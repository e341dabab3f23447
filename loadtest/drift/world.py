"""DriftingWorld: a simulated log cut at a day - what a model was trained on, and the days streamed after it."""

from dataclasses import dataclass

import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.music_world import END_S
from model.datasets.registry import load_dataset
from model.datasets.world_tracks import DAY_S

SHARE = 1.0
"""Planted: by the end a taste is another genre's by half on average."""
LAUNCH, SPREAD, HALF_LIFE_DAYS = 2.5, 0.28, 7.0
"""Planted, see Trends; README.md says which published figures they are taken from."""


@dataclass(frozen=True)
class DriftingWorld:
    """events: user_id, item_id, event_time_s and novel, whether it is the listener's first with the item, ever.

    released: item_id and released_s of the tracks that came out while the log ran.
    """

    dataset: Dataset
    events: pl.DataFrame
    released: pl.DataFrame
    days: int

    @classmethod
    def simulate(cls, users: int, items: int, before: int, days: int, premieres: float, seed: int) -> "DriftingWorld":
        """`before` days for the first training, then `days` in which tastes move.

        premieres: share of all tracks that come out in these days, evenly.
        """
        dataset = load_dataset(
            "music-world",
            users=users,
            items=items,
            days=before + days,
            seed=seed,
            drift=SHARE,
            drift_days=days,
            period_days=1,
            premieres=premieres,
            launch=LAUNCH,
            trend_spread=SPREAD,
            trend_half_life_days=HALF_LIFE_DAYS,
        )
        novel = pl.struct("user_id", "item_id").is_first_distinct()
        events = dataset.interactions.select("user_id", "item_id", "event_time_s", novel=novel)
        return cls(dataset, events, dataset.extra["premieres"], days)

    def start_s(self, day: int) -> int:
        """The first second of a streamed day, 1 for the first one."""
        return END_S - (self.days - day + 1) * DAY_S

    def events_of(self, day: int) -> pl.DataFrame:
        """What happens on a streamed day, in time."""
        return self.events_before(day + 1).filter(pl.col("event_time_s") >= self.start_s(day)).sort("event_time_s")

    def events_before(self, day: int) -> pl.DataFrame:
        """Everything before a streamed day, by user and time."""
        return self.events.filter(pl.col("event_time_s") < self.start_s(day))

    def warm_up(self, window_days: int) -> pl.DataFrame:
        """What the sidecar has archived when the stream's first day begins."""
        return self.events_before(1).filter(pl.col("event_time_s") >= self.start_s(1) - window_days * DAY_S)

    def items_before(self, day: int) -> pl.DataFrame:
        """The item table without what comes out on a streamed day or later."""
        later = self.released.filter(pl.col("released_s") >= self.start_s(day))["item_id"]
        return self.dataset.items.filter(~pl.col("item_id").is_in(later.implode()))

    def items_of(self, day: int) -> pl.DataFrame:
        """What comes out on a streamed day."""
        known = self.items_before(day)["item_id"]
        return self.items_before(day + 1).filter(~pl.col("item_id").is_in(known.implode()))

    def before_the_stream(self) -> Dataset:
        """What the first model is trained on."""
        known = self.dataset
        events = self.events_before(1).drop("novel")
        return Dataset(
            known.name, events, self.items_before(1), known.instructable, simulated=known.simulated, notes=known.notes
        )
