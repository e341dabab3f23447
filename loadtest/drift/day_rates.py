"""DayRates: hit rates of every arm on a day, listener by listener, and what they come to over all days."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from loadtest.drift.day_hits import day_hits
from loadtest.drift.world import DriftingWorld
from model.climber_pilot.benchmark.paired_difference import bootstrap

ARMS = ("frozen", "grown", "refreshed")
"""frozen: the first release; grown: the same weights, over each day's items; refreshed: trained every night."""
Files = Mapping[str, Path]


def day_rates(arms: Mapping[str, Files], world: DriftingWorld, day: int) -> pl.DataFrame:
    """user_id, and the user's HR@50 on that day under every arm; arms: the files of their releases."""
    frozen, *others = (day_hits(arms[arm], world, day).rename({"hit_rate": arm}) for arm in ARMS)
    table = frozen
    for other in others:
        table = table.join(other, on="user_id", how="inner", maintain_order="left")
    return table


def over_all_days(days: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Like one day's rates: of every listener the mean over the days on which he found something."""
    return pl.concat(days).group_by("user_id").agg(pl.col(ARMS).mean()).sort("user_id")


def with_intervals(rates: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval over users of each arm and of what the refreshed one has more."""
    values = rates.select(ARMS).to_numpy()
    last = len(ARMS) - 1
    values = np.concatenate([values, values[:, last:] - values[:, :last]], axis=1)
    names = [*ARMS, *(f"{ARMS[last]} - {arm}" for arm in ARMS[:last])]
    low, high = bootstrap(values)
    means = values.mean(0)
    return {
        name: {"mean": float(means[at]), "low": float(low[at]), "high": float(high[at])}
        for at, name in enumerate(names)
    }


def day_figures(rates: pl.DataFrame, world: DriftingWorld, day: int) -> dict[str, Any]:
    """A day's intervals, and how much of what was found came out since the stream began."""
    found = world.events_of(day).filter("novel")
    streamed = world.released.filter(pl.col("released_s") >= world.start_s(1))["item_id"]
    return {
        "day": day,
        "users": len(rates),
        "events": len(found),
        "of_premieres": int(found["item_id"].is_in(streamed.implode()).sum()),
        "hr@50": with_intervals(rates),
    }
