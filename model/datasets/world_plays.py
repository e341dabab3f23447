"""The music world's log: requests expose songs, plays follow with consumption lag, the rest comes from the own library.

One step is one play of every listener whose log is still running, so all listeners advance together in arrays.
"""

from dataclasses import dataclass, field

import numpy as np

from model.datasets.listening_clock import REPEAT_SHARE, SAME_ARTIST_SHARE, SAME_GENRE_SHARE, draw_gaps, gap_class
from model.datasets.world_listeners import Listeners, LoggingPolicy
from model.datasets.world_tracks import DAY_S, Tracks

SLOTS = 4
LIBRARY_DRAWS = 12
ACCEPT_BIAS = -0.6


@dataclass
class Log:
    """Columns of the log, one array per step; plays without a request have request -1."""

    user: list[np.ndarray] = field(default_factory=list)
    track: list[np.ndarray] = field(default_factory=list)
    time_s: list[np.ndarray] = field(default_factory=list)
    request: list[np.ndarray] = field(default_factory=list)
    position: list[np.ndarray] = field(default_factory=list)
    propensity: list[np.ndarray] = field(default_factory=list)

    def add(self, **columns: np.ndarray) -> None:
        """Append one step."""
        for name, values in columns.items():
            getattr(self, name).append(values)

    def arrays(self) -> dict[str, np.ndarray]:
        """Column name -> the whole column."""
        return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in vars(self).items()}


class Playback:
    """Plays the listeners' logs from start_s to end_s; `plays` and `exposures` hold them afterwards.

    How often artist, genre and known tracks carry over is held at the measured shares by feedback: each step moves the
    weights a little towards them, for all listeners alike.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        tracks: Tracks,
        listeners: Listeners,
        promoted: np.ndarray,
        start_s: int,
        end_s: int,
    ) -> None:
        num_users = len(listeners)
        self.plays, self.exposures = Log(), Log()
        self._rng, self._tracks, self._listeners, self._end_s = rng, tracks, listeners, end_s
        self._policy = LoggingPolicy(tracks, listeners, promoted, start_s)
        self._now = start_s + rng.integers(0, 2 * DAY_S, num_users)
        self._last = np.full(num_users, -1)
        self._library = np.zeros((num_users, 64), dtype=np.int32)
        self._played = np.zeros(num_users, dtype=np.int64)
        self._known = np.zeros((num_users, len(tracks)), dtype=bool)
        self._queue = np.full((num_users, SLOTS), -1)  # exposed tracks still to be played, in playing order
        self._queue_position = np.zeros((num_users, SLOTS), dtype=np.int64)
        self._queue_propensity = np.zeros((num_users, SLOTS))
        self._queue_request = np.full(num_users, -1)
        self._requests = 0
        self._keep_artist = np.array(SAME_ARTIST_SHARE)
        self._keep_genre = np.array(SAME_GENRE_SHARE) - self._keep_artist
        self._library_lean = 0.5
        self._repeats = self._total = 0

    def run(self) -> "Playback":
        """Step until every log has ended."""
        users = np.arange(len(self._listeners))
        while len(users):
            gap = draw_gaps(self._rng, len(users), self._listeners.breaks_s[users])
            self._now[users] += gap
            running = self._now[users] < self._end_s
            users, kinds = users[running], gap_class(gap[running])
            if len(users):
                self._step(users, kinds, gap[running])
        return self

    def _step(self, users: np.ndarray, kinds: np.ndarray, gap: np.ndarray) -> None:
        self._queue[users[kinds > 0]] = -1  # what was not played before a break is not played at all
        idle = users[(self._queue[users] < 0).all(axis=1)]
        lean = self._library_lean + 0.15 * self._listeners.organic_bias[idle]
        asks = (self._rng.random(len(idle)) >= lean) | (self._played[idle] == 0)
        asking = np.isin(users, idle[asks])
        if asking.any():
            self._request(users[asking], kinds[asking], gap[asking])
        queued = (self._queue[users] >= 0).argmax(axis=1)
        track = self._queue[users, queued]
        organic = track < 0
        if organic.any():
            track[organic] = self._from_library(users[organic], kinds[organic])
        self.plays.add(
            user=users,
            track=track,
            time_s=self._now[users],
            request=np.where(organic, -1, self._queue_request[users]),
            position=np.where(organic, -1, self._queue_position[users, queued]),
            propensity=np.where(organic, np.nan, self._queue_propensity[users, queued]),
        )
        self._queue[users, queued] = -1
        self._steer(users, kinds, track)
        self._remember(users, track)

    def _request(self, users: np.ndarray, kinds: np.ndarray, gap: np.ndarray) -> None:
        """Expose three or four songs shortly before the next play, and queue those that the listener takes."""
        rng = self._rng
        lag = np.minimum(rng.integers(2, 20, len(users)), gap - 1)
        time_s = self._now[users] - lag
        period = self._policy.move_to(users, time_s)
        keep = np.stack([self._keep_artist[kinds], self._keep_genre[kinds]], axis=1)
        keep *= 0.98 / np.maximum(keep.sum(axis=1, keepdims=True), 0.98)
        tracks, propensity = self._policy.expose(rng, users, self._last[users], keep, SLOTS)
        tracks[rng.random(len(users)) < 0.5, SLOTS - 1] = -1  # three songs or four
        factor = self._listeners.factor[users, period]
        utility = np.einsum("uf,usf->us", factor, self._tracks.factor[np.maximum(tracks, 0)])
        taken = (rng.random(tracks.shape) < 1.0 / (1.0 + np.exp(-(utility + ACCEPT_BIAS)))) & (tracks >= 0)
        never = self._played[users] == 0
        taken[never, 0] = True  # a listener without a library has nothing else to play
        request = self._requests + np.arange(len(users))
        self._requests += len(users)
        shown = tracks >= 0
        position = np.broadcast_to(np.arange(SLOTS), tracks.shape)
        self.exposures.add(
            user=np.repeat(users, shown.sum(axis=1)),
            track=tracks[shown],
            time_s=np.repeat(time_s, shown.sum(axis=1)),
            request=np.repeat(request, shown.sum(axis=1)),
            position=position[shown],
            propensity=propensity[shown],
        )
        # Songs of one request are played in any order: order inside a request carries no causality.
        order = np.argsort(rng.random(tracks.shape), axis=1)
        rows = np.arange(len(users))[:, None]
        self._queue[users] = np.where(taken, tracks, -1)[rows, order]
        self._queue_position[users] = order
        self._queue_propensity[users] = propensity[rows, order]
        self._queue_request[users] = request

    def _from_library(self, users: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """A track played before, recent ones a little more often, of the same artist or genre as often as wanted."""
        rng = self._rng
        place = (self._played[users, None] * rng.random((len(users), LIBRARY_DRAWS)) ** 0.7).astype(np.int64)
        drawn = self._library[users[:, None], place].astype(np.int64)
        last = self._last[users, None]
        artist, genre = self._tracks.artist, self._tracks.genre
        wish = rng.random((len(users), 1))
        want_artist = wish < self._keep_artist[kinds][:, None]
        want_genre = wish < (self._keep_artist + self._keep_genre)[kinds][:, None]
        fits = np.where(want_artist, artist[drawn] == artist[last], ~want_genre | (genre[drawn] == genre[last]))
        score = 2.0 * fits + 1.0 * (drawn != last)
        return drawn[np.arange(len(users)), score.argmax(axis=1)]

    def _steer(self, users: np.ndarray, kinds: np.ndarray, track: np.ndarray) -> None:
        """Move the weights towards the measured shares."""
        last = self._last[users]
        had_last = last >= 0
        same_artist = self._tracks.artist[track] == self._tracks.artist[last]
        same_genre = self._tracks.genre[track] == self._tracks.genre[last]
        for kind in range(len(SAME_ARTIST_SHARE)):
            of_kind = had_last & (kinds == kind)
            count = int(of_kind.sum())
            if not count:
                continue
            rate = 0.2 * count / (count + 50.0)
            artist_error = SAME_ARTIST_SHARE[kind] - same_artist[of_kind].mean()
            genre_error = SAME_GENRE_SHARE[kind] - same_genre[of_kind].mean()
            self._keep_artist[kind] = np.clip(self._keep_artist[kind] + rate * artist_error, 0.0, 0.9)
            self._keep_genre[kind] = np.clip(self._keep_genre[kind] + rate * (genre_error - artist_error), 0.0, 0.9)
        self._repeats += int(self._known[users, track].sum())
        self._total += len(users)
        missing = REPEAT_SHARE - self._repeats / self._total
        self._library_lean = float(np.clip(self._library_lean + 0.1 * missing, 0.02, 0.97))

    def _remember(self, users: np.ndarray, track: np.ndarray) -> None:
        if self._played.max() >= self._library.shape[1]:
            self._library = np.concatenate([self._library, np.zeros_like(self._library)], axis=1)
        self._library[users, self._played[users]] = track
        self._played[users] += 1
        self._known[users, track] = True
        self._last[users] = track
