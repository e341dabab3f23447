"""Last.fm 2K users (hetrec2011-lastfm-2k, 2nd HetRec workshop at RecSys 2011): listeners, artists and play counts.

Two layouts: a parquet folder with genre facets, and the publisher's .dat files, whose facets are derived from the tags.
"""

from pathlib import Path

import numpy as np
import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.interactions import interactions_table
from model.datasets.lastfm_hetrec_dat import read_artists, read_user_artists
from model.datasets.listening_clock import SAME_GENRE_SHARE, break_mean_s, draw_gaps, gap_class
from model.datasets.report import LoadReport

INSTRUCTABLE = ("genre", "locale", "decade")
FACETS = ("locale", "decade", "voice")
FIRST_YEAR_S = 1_262_304_000  # 2010-01-01, the year before the data was released
START_SPREAD_S = 180 * 86_400
NOTES = (
    "one event per listener and artist: the first play; weight = the published play count",
    "no play times were published: first plays are placed in time by the simulated listening clock",
)


def load(marker: Path, report: LoadReport, *, seed: int = 0) -> Dataset:
    """Read user_artists.parquet or user_artists.dat; the same seed places the plays at the same times."""
    if marker.suffix == ".parquet":
        plays, items = _read_parquet(marker)
    else:
        plays, items = read_user_artists(marker, report), read_artists(marker.parent, report)
    known = plays.filter(pl.col("item_id").is_in(items["item_id"].implode()))
    times = place_first_plays(known["user_id"], known["item_id"], items, seed)
    timed = plays.join(times, on=["user_id", "item_id"], how="left").with_columns(
        pl.col("event_time_s").fill_null(FIRST_YEAR_S)
    )
    interactions = interactions_table(timed, report, marker.name, item_ids=items["item_id"])
    return Dataset("lastfm-hetrec2011", interactions, items, INSTRUCTABLE, simulated="times", notes=NOTES)


def _read_parquet(marker: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    plays = pl.read_parquet(marker)
    plays = plays.select(
        pl.int_range(1, len(plays) + 1).alias("line"),
        pl.col("user_id").cast(pl.String),
        pl.col("artist_id").cast(pl.String).alias("item_id"),
        pl.col("plays").cast(pl.Float64).alias("weight"),
    )
    items = pl.read_parquet(marker.with_name("artists.parquet")).sort("artist_id")
    return plays, items.select(
        pl.col("artist_id").cast(pl.String).alias("item_id"),
        pl.col("name").alias("title"),
        pl.when(pl.col("genres").list.len() > 0).then("genres").alias("genre"),
        *(
            pl.when(pl.col(facet).is_not_null()).then(pl.concat_list(facet)).otherwise(None).alias(facet)
            for facet in FACETS
        ),
    )


def place_first_plays(users: pl.Series, item_ids: pl.Series, items: pl.DataFrame, seed: int) -> pl.DataFrame:
    """user_id, item_id, event_time_s: each listener's artists in a drawn order and with drawn gaps.

    Nothing is assumed about which artist was found first, except that the next first play shares a genre with the one
    before as often as real plays do across such a gap.
    """
    pairs = pl.DataFrame({"user_id": users, "item_id": item_ids}).unique().sort("user_id", "item_id")
    genres = _genre_bits(items)
    masks = pairs.join(genres, on="item_id", how="left", maintain_order="left")["bits"].fill_null(0).to_numpy()
    user_row = pairs["user_id"].rle_id().to_numpy().astype(np.int64)
    num_users = int(user_row.max(initial=-1)) + 1
    counts = np.bincount(user_row, minlength=num_users)
    column = np.arange(len(pairs)) - np.repeat(np.cumsum(counts) - counts, counts)
    rng = np.random.default_rng(seed)
    gaps = draw_gaps(rng, (num_users, int(counts.max(initial=0))), float(break_mean_s(2.0)))
    table = np.zeros(gaps.shape, dtype=np.int64)
    table[user_row, column] = masks
    place = _order_by_genre(rng, table, counts, gap_class(gaps))
    start = FIRST_YEAR_S + rng.integers(0, START_SPREAD_S, (num_users, 1))
    times = start + np.cumsum(gaps, axis=1)
    return pairs.with_columns(pl.Series("event_time_s", times[user_row, place[user_row, column]]))


def _genre_bits(items: pl.DataFrame) -> pl.DataFrame:
    genre = items.select("item_id", "genre").explode("genre").drop_nulls()
    bit = genre.select(pl.lit(1, dtype=pl.Int64) * 2 ** pl.col("genre").rank("dense").cast(pl.Int64)).to_series()
    return genre.with_columns(bit.alias("bits")).group_by("item_id").agg(pl.col("bits").sum())


def _order_by_genre(
    rng: np.random.Generator, genres: np.ndarray, counts: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Every artist's place in its listener's order, int64 [U, N].

    genres: int64 [U, N] bit sets, of which the first counts[u] columns are used; classes [U, N]: gap classes per step.
    """
    num_users, length = genres.shape
    left = np.arange(length) < counts[:, None]
    place = np.zeros(genres.shape, dtype=np.int64)
    previous = np.zeros(num_users, dtype=np.int64)
    rows = np.arange(num_users)
    for step in range(length):
        same_wanted = rng.random(num_users) < np.array(SAME_GENRE_SHARE)[classes[:, step]]
        shares = (genres & previous[:, None]) != 0
        score = rng.random(genres.shape) + 2.0 * (shares == same_wanted[:, None]) + 4.0 * left
        chosen = score.argmax(axis=1)
        active = left[rows, chosen]
        place[rows[active], chosen[active]] = step
        left[rows, chosen] = False
        previous = np.where(active, genres[rows, chosen], previous)
    return place
