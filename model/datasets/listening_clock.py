"""Listening clock: simulated gaps between plays, and how long artist and genre persist across them.

Calibrated on the figures of two real listeners' logs: gap quantiles, and the share of plays with the artist (genre) of
the play before, by the gap between them.
"""

import numpy as np

GAP_QUANTILES_S = {0.0: 1.0, 0.05: 3.0, 0.25: 176.0, 0.5: 220.0, 0.75: 286.0, 0.9: 1_012.0, 0.95: 17_517.0}
GAP_CLASS_BOUNDS_S = (15 * 60, 6 * 3600)
SAME_ARTIST_SHARE = (0.33, 0.20, 0.12)
SAME_GENRE_SHARE = (0.62, 0.51, 0.41)
REPEAT_SHARE = 0.77
PLAYS_PER_DAY = 10.0

_LEVELS = np.array(list(GAP_QUANTILES_S))
_LOG_GAPS = np.log(np.array(list(GAP_QUANTILES_S.values())))
_LONGEST_QUANTILE_S = GAP_QUANTILES_S[0.95]
_MEAN_BELOW_TAIL_S = 465.0  # the part of the mean gap that comes from below the 95 % quantile


def break_mean_s(plays_per_day: np.ndarray | float) -> np.ndarray:
    """Mean length beyond the 95 % quantile of the longest gaps, so that the plays per day come out; seconds."""
    mean_gap_s = 86_400.0 / np.asarray(plays_per_day, dtype=np.float64)
    return np.maximum((mean_gap_s - _MEAN_BELOW_TAIL_S) / 0.05 - _LONGEST_QUANTILE_S, 3_600.0)


def draw_gaps(rng: np.random.Generator, size: int | tuple[int, ...], breaks_s: np.ndarray | float) -> np.ndarray:
    """Seconds between consecutive plays, int64 [size], at least 1.

    Log-linear between the measured quantiles; the longest 5 % are breaks with an exponential tail of mean `breaks_s`
    (a scalar or [size]), the one free parameter: it sets the plays per day and moves no measured quantile.
    """
    level = rng.random(size)
    body = np.exp(np.interp(level, _LEVELS, _LOG_GAPS))
    tail = _LONGEST_QUANTILE_S + rng.exponential(1.0, size) * breaks_s
    return np.maximum(np.where(level < _LEVELS[-1], body, tail), 1.0).astype(np.int64)


def gap_class(gap_s: np.ndarray) -> np.ndarray:
    """0 below 15 minutes, 1 up to 6 hours, 2 beyond."""
    return np.searchsorted(GAP_CLASS_BOUNDS_S, gap_s, side="right")
