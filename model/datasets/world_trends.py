"""Trends of the music world: what is promoted moves, whatever the listeners like. All of it is simulated."""

from dataclasses import dataclass

import numpy as np

from model.datasets.world_tracks import DAY_S, Tracks


@dataclass(frozen=True)
class Trends:
    """How far the log's recommender leans to some tracks for a while; nothing of it moves a true utility.

    launch: log odds that a track has more of being shown when it comes out; spread: standard deviation of every track's
    log odds, which come and go. half_life_days: after which half is left of both.
    """

    launch: float = 0.0
    spread: float = 0.0
    half_life_days: float = 7.0


def promotion(
    rng: np.random.Generator, tracks: Tracks, start_s: int, period_s: int, periods: int, trends: Trends
) -> np.ndarray:
    """float64 [E, V]: log odds to be shown that a track has in a period, beside what the listener is taken to like.

    Nothing is drawn where nothing moves.
    """
    begin_s = start_s + period_s * np.arange(periods)
    age_days = (begin_s[:, None] - tracks.released_s[None, :]).clip(0) / DAY_S
    launched: np.ndarray = trends.launch * 0.5 ** (age_days / trends.half_life_days)
    if not trends.spread:
        return launched
    # An Ornstein-Uhlenbeck process, stationary from the first period on.
    kept = 0.5 ** (period_s / DAY_S / trends.half_life_days)
    moods = np.empty((periods, len(tracks)))
    moods[0] = rng.normal(size=len(tracks))
    for period in range(1, periods):
        moods[period] = kept * moods[period - 1] + np.sqrt(1.0 - kept**2) * rng.normal(size=len(tracks))
    trended: np.ndarray = launched + trends.spread * moods
    return trended
