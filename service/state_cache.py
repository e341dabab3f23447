"""StateCache: what this process knows of recent users - parsed history and user state, bounded in bytes."""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from model.climber_pilot.user_state import UserState
from service.history import UsedHistory
from service.telemetry import Telemetry

Key = str | bytes
"""A user id, or the hash of a history that came without one."""


@dataclass(slots=True, eq=False)
class CachedUser:
    """One user: the history of a version and a state, that of this history or of one close to it.

    release_id: whose item rows these are; set by the cache.
    state_of: the history that the state was computed for; `is history` where the state can be used as it is.
    wanted: a request asked for this user since his history was last read off the request path.
    """

    key: Key
    version: bytes
    history: UsedHistory
    state: UserState | None = None
    state_of: UsedHistory | None = None
    wanted: bool = True
    release_id: str = ""
    num_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.measure()

    def measure(self) -> None:
        """Count the memory anew."""
        self.num_bytes = self.history.num_bytes + (0 if self.state is None else self.state.num_bytes)

    @property
    def current(self) -> UserState | None:
        """The state of the history, if it is computed."""
        return self.state if self.state_of is self.history else None


class StateCache:
    """The least recently used users go first. For the event loop's thread alone.

    It holds users of the releases that are served, each user under every one apart: what others were is dropped by
    `serve`. A user forgotten, replaced or evicted while a
    state is computed for him does not come back: `keep` takes a state only for the very entry that is still here.
    """

    def __init__(self, max_bytes: int, telemetry: Telemetry) -> None:
        """`max_bytes`: 0 keeps nothing."""
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._users: OrderedDict[tuple[str, Key], CachedUser] = OrderedDict()
        self._release_ids: frozenset[str] = frozenset()
        self._erasures = 0
        self._telemetry = telemetry
        self._counts = {result: telemetry.state_cache.labels(result) for result in ("hit", "extend", "miss")}

    def __len__(self) -> int:
        return len(self._users)

    def serve(self, release_ids: frozenset[str]) -> None:
        """Take users of these releases from now on; those of others are dropped."""
        if release_ids != self._release_ids:
            self._release_ids = release_ids
            for user in [one for one in self._users.values() if one.release_id not in release_ids]:
                self._drop(user)
            self._measure()

    def find(self, release_id: str, key: Key) -> CachedUser | None:
        """What is known of a user under a release."""
        user = self._users.get((release_id, key))
        if user is not None:
            self._users.move_to_end((release_id, key))
        return user

    @property
    def erasures(self) -> int:
        """Grows with every erasure: what was read before the last one may not be put in any more."""
        return self._erasures

    def put(self, release_id: str, user: CachedUser, erasures: int) -> CachedUser:
        """Know a user from now on, the old entry's state kept for extension; returns the user as it is known.

        erasures: the count from before the history was read.
        """
        user.release_id = release_id
        old = self._users.get((release_id, user.key))
        if old is not None:
            if old.version == user.version and old.version:
                return old  # read twice at the same time: both requests share the one entry, hence its state
            if user.version or not old.version:  # else erased by another process
                user.state, user.state_of = old.state, old.state_of
                user.measure()
            self._drop(old)
        fresh = release_id in self._release_ids and erasures == self._erasures
        if fresh and user.num_bytes <= self.max_bytes:
            self._users[release_id, user.key] = user
            self.num_bytes += user.num_bytes
        self._shrink()
        return user

    def keep(self, user: CachedUser, state: UserState, state_of: UsedHistory) -> None:
        """Keep a computed state with the user it was computed for, where he is still known."""
        if self._users.get((user.release_id, user.key)) is not user:
            return
        user.state, user.state_of = state, state_of
        self.num_bytes -= user.num_bytes
        user.measure()
        self.num_bytes += user.num_bytes
        self._shrink()

    def forget(self, key: Key) -> None:
        """Erase a user, and anything of him that is being read or computed right now."""
        self._erasures += 1
        for release_id in self._release_ids:
            user = self._users.get((release_id, key))
            if user is not None:
                self._drop(user)
        self._measure()

    def count(self, previous: UserState | None, state: UserState | None) -> None:
        """Count what a request's state cost: nothing (hit), the newest events (extend) or a full pass (miss)."""
        if state is None or previous is None:
            result = "miss"
        elif state is previous:
            result = "hit"
        else:
            result = "extend" if _extends(previous, state) else "miss"
        self._counts[result].inc()

    def _shrink(self) -> None:
        while self.num_bytes > self.max_bytes:
            self._drop(next(iter(self._users.values())))
            self._telemetry.state_cache_evicted.inc()
        self._measure()

    def _drop(self, user: CachedUser) -> None:
        del self._users[user.release_id, user.key]
        self.num_bytes -= user.num_bytes

    def _measure(self) -> None:
        self._telemetry.state_cache_bytes.set(self.num_bytes)
        self._telemetry.state_cache_users.set(len(self._users))


def _extends(old: UserState, new: UserState) -> bool:
    length = len(old.rows)
    return np.array_equal(new.rows[:length], old.rows) and np.array_equal(new.time_s[:length], old.time_s)
