"""The music world: a seeded simulator of artists, tracks, listeners, requests and plays. Nothing of it is real.

Its times, repeats and persistence follow figures measured on real listeners (listening_clock.py), its true utilities
are known, so that an estimate made from its log can be compared with the truth.
"""

from pathlib import Path

import numpy as np
import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.interactions import interactions_table
from model.datasets.report import DatasetError, LoadReport
from model.datasets.world_listeners import Drift, Listeners, make_listeners
from model.datasets.world_plays import ACCEPT_BIAS, Playback
from model.datasets.world_tracks import DAY_S, GENRES, PREMIERES, Tracks, make_tracks, track_ids, track_items
from model.datasets.world_trends import Trends, promotion

END_S = 1_735_689_600  # 2025-01-01, the end of every simulated log
INSTRUCTABLE = ("genre", "language", "decade", "freshness")
NOTES = (
    "simulated: listeners, tracks, requests, plays and times",
    "position and propensity: of the play's exposure, its slot given the slots before; null where the listener chose",
)


def load(
    marker: Path | None,  # noqa: ARG001 - every source is called the same way; this one reads no file
    report: LoadReport,
    *,
    users: int = 500,
    items: int = 2_000,
    days: float = 30,
    seed: int = 0,
    drift: float = Drift.share,
    drift_days: float | None = None,
    period_days: float = Drift.period_days,
    premieres: float = PREMIERES,
    launch: float = Trends.launch,
    trend_spread: float = Trends.spread,
    trend_half_life_days: float = Trends.half_life_days,
) -> Dataset:
    """Simulate `days` of listening; the same arguments give the same tables.

    drift, drift_days, period_days: how tastes move, see Drift; premieres: share of tracks that come out in the log.
    launch, trend_spread, trend_half_life_days: how what is promoted moves, see Trends; off by default.
    extra["exposures"]: request_id, user_id, event_time_s, position, item_id, propensity, played - all that was shown.
    extra["utilities"]: kind (user | item), id, from_time_s (users: start of the period the taste is valid for),
        factor (array); the true utility of a pair is the inner product of the two factors.
    extra["premieres"]: item_id and released_s of the tracks that came out while the log ran.
    """
    if not (0 <= drift <= 1 and 0 <= premieres <= 1 and period_days > 0 and (drift_days is None or drift_days > 0)):
        raise DatasetError("expected drift and premieres within 0 and 1, and days > 0")
    if not (launch >= 0 and trend_spread >= 0 and trend_half_life_days > 0):
        raise DatasetError("expected launch and trend_spread >= 0, and trend_half_life_days > 0")
    if users < 1 or items < 4 * len(GENRES) or days <= 0:
        raise DatasetError(
            f"expected users >= 1, items >= {4 * len(GENRES)} and days > 0, got {users}, {items} and {days}"
        )
    rng = np.random.default_rng(seed)
    start_s = END_S - int(days * DAY_S)
    tracks = make_tracks(rng, items, start_s, END_S, premieres)
    listeners = make_listeners(rng, users, tracks, days, Drift(drift, drift_days, period_days))
    # Draws of its own: a world without trends is what it was.
    promoted = promotion(
        np.random.default_rng((seed, 1)),
        tracks,
        start_s,
        listeners.period_s,
        listeners.factor.shape[1],
        Trends(launch, trend_spread, trend_half_life_days),
    )
    playback = Playback(rng, tracks, listeners, promoted, start_s, END_S).run()
    plays = _log_frame(playback.plays.arrays(), tracks)
    interactions = interactions_table(plays, report, "simulated plays")
    exposures = _exposures(playback, tracks)
    extra = {
        "exposures": exposures,
        "utilities": _utilities(tracks, listeners, start_s),
        "premieres": pl.DataFrame({"item_id": track_ids(tracks), "released_s": tracks.released_s}).filter(
            pl.col("released_s") >= start_s
        ),
    }
    table = track_items(tracks, END_S)
    return Dataset("music-world", interactions, table, INSTRUCTABLE, simulated="everything", notes=NOTES, extra=extra)


def true_utilities(dataset: Dataset, user_id: str, time_s: int) -> np.ndarray:
    """float64 [V]: what every track is truly worth to the listener at that time, in catalogue order."""
    return _utilities_at(dataset, user_id, np.array([time_s]))[0]


def true_acceptance(dataset: Dataset, user_id: str, time_s: np.ndarray) -> np.ndarray:
    """float64 [T, V]: the probability at each of the times [T] that the listener takes a track that a request shows.

    It depends on the listener and the track alone, not on what was played before: what follows the last play's artist
    or genre in the log does so because it was shown, not because it is liked more.
    """
    return np.asarray(1.0 / (1.0 + np.exp(-(_utilities_at(dataset, user_id, np.asarray(time_s)) + ACCEPT_BIAS))))


def _utilities_at(dataset: Dataset, user_id: str, time_s: np.ndarray) -> np.ndarray:
    table = dataset.extra["utilities"]
    tastes = table.filter(pl.col("kind") == "user", pl.col("id") == user_id).sort("from_time_s")
    if tastes.is_empty():
        raise ValueError(f"expected a user of {dataset.name}, got {user_id!r}")
    begun = np.searchsorted(tastes["from_time_s"].to_numpy(), time_s, side="right")
    taste = tastes["factor"].to_numpy()[np.maximum(0, begun - 1)]
    return np.asarray(taste @ table.filter(pl.col("kind") == "item")["factor"].to_numpy().T)


def _user_ids(rows: np.ndarray | range) -> list[str]:
    return [f"listener-{row:05d}" for row in rows]


def _log_frame(columns: dict[str, np.ndarray], tracks: Tracks) -> pl.DataFrame:
    requested = pl.col("request") >= 0
    user_ids = pl.Series(_user_ids(range(int(columns["user"].max(initial=-1)) + 1)), dtype=pl.String)
    frame = pl.DataFrame(columns)
    return frame.select(
        pl.int_range(1, len(frame) + 1).alias("line"),
        user_ids.gather(frame["user"].cast(pl.UInt32)).alias("user_id"),
        pl.Series(track_ids(tracks)).gather(frame["track"].cast(pl.UInt32)).alias("item_id"),
        pl.col("time_s").cast(pl.Int64).alias("event_time_s"),
        pl.when(requested).then("r" + pl.col("request").cast(pl.Int64).cast(pl.String)).alias("request_id"),
        pl.when(requested).then(pl.col("position").cast(pl.Int64)).alias("position"),
        pl.when(requested).then(pl.col("propensity")).alias("propensity"),
    )


def _exposures(playback: Playback, tracks: Tracks) -> pl.DataFrame:
    exposed = _log_frame(playback.exposures.arrays(), tracks)
    played = _log_frame(playback.plays.arrays(), tracks).drop_nulls("request_id").select("request_id", "position")
    return (
        exposed.join(played.with_columns(played=pl.lit(True)), on=["request_id", "position"], how="left")
        .with_columns(pl.col("played").fill_null(False))
        .sort("event_time_s", "request_id", "position")
        .select("request_id", "user_id", "event_time_s", "position", "item_id", "propensity", "played")
    )


def _utilities(tracks: Tracks, listeners: Listeners, start_s: int) -> pl.DataFrame:
    num_users, periods, width = listeners.factor.shape
    factor = pl.Array(pl.Float64, width)
    users = pl.DataFrame(
        {
            "kind": ["user"] * (num_users * periods),
            "id": np.repeat(_user_ids(range(num_users)), periods),
            "from_time_s": np.tile(start_s + listeners.period_s * np.arange(periods), num_users),
            "factor": pl.Series(listeners.factor.reshape(-1, width), dtype=factor),
        }
    )
    items = pl.DataFrame(
        {
            "kind": ["item"] * len(tracks),
            "id": track_ids(tracks),
            "from_time_s": pl.Series([None] * len(tracks), dtype=pl.Int64),
            "factor": pl.Series(tracks.factor, dtype=factor),
        }
    )
    return pl.concat([users, items])
