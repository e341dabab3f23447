"""The music world's listeners: tastes that drift, and the recommender that exposed songs to them while the log ran."""

from dataclasses import dataclass

import numpy as np

from model.datasets.listening_clock import PLAYS_PER_DAY, break_mean_s
from model.datasets.world_tracks import DAY_S, LANGUAGES, TASTE_WIDTH, Tracks

TASTE_SCALE = 2.2
LANGUAGE_SCALE = 1.2
POLICY_SHARPNESS = 1.6


@dataclass(frozen=True)
class Drift:
    """How tastes move. share: how much of a taste is another genre's at the end, at most.

    days: the last ones of the log, in which that happens; None: all of them. period_days: tastes stand still as long.
    """

    share: float = 0.35
    days: float | None = None
    period_days: float = 7


@dataclass(frozen=True)
class Listeners:
    """U listeners; tastes are constant within a period of period_s and drift from one to the next.

    factor: float64 [U, E, F], true taste in period e: utility = factor . Tracks.factor.
    believed: float64 [U, E, F], what the logging policy takes the taste to be.
    breaks_s: float64 [U], mean length of the long breaks. organic_bias: float64 [U], leaning to the own library.
    """

    factor: np.ndarray
    believed: np.ndarray
    breaks_s: np.ndarray
    organic_bias: np.ndarray
    period_s: int

    def __len__(self) -> int:
        return len(self.breaks_s)


def make_listeners(
    rng: np.random.Generator, num_users: int, tracks: Tracks, days: float, drift: Drift = Drift()
) -> Listeners:
    """Draw the listeners: two to three genres and a language or two each, drifting to other genres over the weeks."""
    period_s = int(drift.period_days * DAY_S)
    periods = int(np.ceil(days * DAY_S / period_s))
    centres = tracks.genre_centres
    liked = rng.choice(len(centres), (num_users, 3))
    weight = rng.dirichlet((1.5, 1.0, 0.6), num_users)
    taste = np.einsum("ug,ugf->uf", weight, centres[liked]) + 0.15 * rng.normal(size=(num_users, TASTE_WIDTH))
    towards = centres[rng.integers(0, len(centres), num_users)]
    begun = np.linspace(0.0 if drift.days is None else 1.0 - days / drift.days, 1.0, periods).clip(0.0)
    share = (drift.share * rng.random((num_users, 1)) * begun)[:, :, None]
    step = 0.05 * np.sqrt(drift.period_days / 7)
    wander = np.cumsum(step * rng.normal(size=(num_users, periods, TASTE_WIDTH)), axis=1)
    drifting = (1.0 - share) * taste[:, None] + share * towards[:, None] + wander
    drifting = TASTE_SCALE * drifting / np.linalg.norm(drifting, axis=-1, keepdims=True)
    spoken = rng.dirichlet(np.full(len(LANGUAGES), 0.35), num_users)
    english = np.eye(len(LANGUAGES))[0]
    language = LANGUAGE_SCALE * np.maximum(spoken, 0.6 * english)
    languages = np.broadcast_to(language[:, None], (num_users, periods, len(LANGUAGES)))
    factor = np.concatenate([drifting, languages, np.ones((num_users, periods, 1))], axis=-1)
    noise = np.zeros((num_users, 1, factor.shape[-1]))
    noise[:, 0, :TASTE_WIDTH] = 0.25 * rng.normal(size=(num_users, TASTE_WIDTH))
    plays_per_day = PLAYS_PER_DAY * rng.lognormal(0.0, 0.5, num_users)
    organic_bias = rng.normal(0.0, 0.5, num_users)
    return Listeners(factor, factor + noise, break_mean_s(plays_per_day), organic_bias, period_s)


class LoggingPolicy:
    """The recommender of the log: softmax over the believed utilities of the tracks released so far, and over what is
    promoted (see world_trends.py), mixed with the same softmax restricted to the listener's current artist and genre.
    Every slot's propensity is known.

    The softmax is kept as a cumulative sum per listener in track order, so that an artist's or a genre's part of it is
    one interval.
    """

    def __init__(self, tracks: Tracks, listeners: Listeners, promoted: np.ndarray, start_s: int) -> None:
        """promoted: float64 [E, V], log odds in every period of the listeners."""
        self._tracks = tracks
        self._listeners = listeners
        self._promoted = promoted
        self._start_s = start_s
        self._period = np.full(len(listeners), -1)
        # Listener u's sums lie in (u, u + 1], which makes one sorted array of all of them.
        self._sums = np.repeat(np.arange(len(listeners), dtype=np.float64)[:, None], len(tracks) + 1, axis=1)

    def move_to(self, users: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """Bring the users' softmax up to date; returns their period int64 [n]."""
        period = np.minimum((time_s - self._start_s) // self._listeners.period_s, self._listeners.factor.shape[1] - 1)
        stale = self._period[users] != period
        moved, to = users[stale], period[stale]
        if len(moved):
            logits = POLICY_SHARPNESS * self._listeners.believed[moved, to] @ self._tracks.factor.T + self._promoted[to]
            logits[
                self._tracks.released_s[None, :] > (self._start_s + to * self._listeners.period_s)[:, None]
            ] = -np.inf
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            sums = np.cumsum(shares, axis=1)
            self._sums[moved, 1:] = sums / sums[:, -1:] + moved[:, None]
            self._period[moved] = to
        return period

    def expose(
        self, rng: np.random.Generator, users: np.ndarray, anchor: np.ndarray, keep: np.ndarray, slots: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distinct tracks int64 [n, slots] in slot order (-1 = slot left empty), and their propensities float64.

        anchor: [n] the track whose artist and genre are current, -1 for none; keep: [n, 2] weights of the part of the
        softmax that is restricted to the anchor's artist and to its genre. A slot's propensity is the probability of
        its track given the tracks in the slots before: q / (1 - their q), q the mixture.
        """
        spans = self._spans(anchor)
        low = self._sums[users[:, None], spans[..., 0]]
        high = self._sums[users[:, None], spans[..., 1]]
        weight = np.concatenate([keep, 1.0 - keep.sum(axis=1, keepdims=True)], axis=1)
        weight = np.where(high - low > 1e-9, weight, 0.0)
        weight /= weight.sum(axis=1, keepdims=True)
        draws = 4 * slots
        part = (rng.random((len(users), draws, 1)) > np.cumsum(weight, axis=1)[:, None, :-1]).sum(axis=2)
        rows = np.arange(len(users))[:, None]
        point = low[rows, part] + rng.random((len(users), draws)) * (high - low)[rows, part]
        flat = np.searchsorted(self._sums.ravel(), point.ravel(), side="right").reshape(point.shape)
        tracks = flat - 1 - users[:, None] * self._sums.shape[1]
        tracks = np.clip(tracks, spans[rows, part, 0], spans[rows, part, 1] - 1)
        chosen = _first_distinct(tracks, slots)
        q = self._mixture(users, chosen, spans, weight, high - low)
        earlier = np.cumsum(q, axis=1) - q
        return chosen, np.where(chosen >= 0, q / np.maximum(1.0 - earlier, 1e-12), 0.0)

    def _spans(self, anchor: np.ndarray) -> np.ndarray:
        """int64 [n, 3, 2]: the rows of the anchor's artist, of its genre, and of everything."""
        spans = np.zeros((len(anchor), 3, 2), dtype=np.int64)
        spans[:, 0] = np.where(anchor[:, None] >= 0, self._tracks.artist_span[anchor], 0)
        spans[:, 1] = np.where(anchor[:, None] >= 0, self._tracks.genre_span[anchor], 0)
        spans[:, 2, 1] = len(self._tracks)
        return spans

    def _mixture(
        self, users: np.ndarray, tracks: np.ndarray, spans: np.ndarray, weight: np.ndarray, mass: np.ndarray
    ) -> np.ndarray:
        """Probability of each track [n, S] in one draw from the mixture; 0 for an empty slot."""
        share = self._sums[users[:, None], tracks + 1] - self._sums[users[:, None], np.maximum(tracks, 0)]
        inside = (tracks[:, :, None] >= spans[:, None, :, 0]) & (tracks[:, :, None] < spans[:, None, :, 1])
        scale = np.where(mass > 1e-9, weight / np.maximum(mass, 1e-9), 0.0)
        return np.where(tracks >= 0, share * (inside * scale[:, None, :]).sum(axis=2), 0.0)


def _first_distinct(draws: np.ndarray, slots: int) -> np.ndarray:
    """The first `slots` distinct values of every row in order, -1 where a row has fewer."""
    repeated = np.zeros(draws.shape, dtype=bool)
    for column in range(1, draws.shape[1]):
        repeated[:, column] = (draws[:, :column] == draws[:, column : column + 1]).any(axis=1)
    order = np.argsort(repeated, axis=1, kind="stable")[:, :slots]
    rows = np.arange(len(draws))[:, None]
    return np.where(repeated[rows, order], -1, draws[rows, order])
