"""Sessions: what faces did while covers were shown, smoothed, in this process's memory alone while they last."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import Gauge

from service.errors import NoConsentError

SMOOTHING = 0.5
"""Share of a new value in the smoothed one."""
REACTED_FROM = 0.5
MAX_COVERS = 256
"""Of one session; the covers shown longest ago go first."""


class Reacted(NamedTuple):
    """On how many of the session's covers an action unit's smoothed value reached REACTED_FROM."""

    covers: int
    of: int


@dataclass
class _Session:
    consent_id: str
    seen_s: float
    covers: OrderedDict[str, dict[str, float]] = field(default_factory=OrderedDict)


class Sessions:
    """For one event loop. No value is ever written to disk, to Redis or to the log."""

    def __init__(
        self, ttl_s: float, max_sessions: int, gauge: Gauge, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """ttl_s: a session unheard of for so long has ended. max_sessions: the one unheard of longest goes first."""
        self._ttl_s = ttl_s
        self._max_sessions = max_sessions
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        gauge.set_function(lambda: len(self._sessions))

    def add(self, session_id: str, consent_id: str, reactions: Iterable[tuple[str, Mapping[str, float]]]) -> None:
        """Smooth values (cover, action unit -> probability) into a session, begun if new.

        Raises NoConsentError for a session that was begun under another consent.
        """
        self.expire()
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = _Session(consent_id, self._clock())
        self._check(session, consent_id)
        session.seen_s = self._clock()
        self._sessions.move_to_end(session_id)
        for cover_id, values in reactions:
            smoothed = session.covers.setdefault(cover_id, {})
            session.covers.move_to_end(cover_id)
            for au, value in values.items():
                smoothed[au] = value if au not in smoothed else smoothed[au] + SMOOTHING * (value - smoothed[au])
            while len(session.covers) > MAX_COVERS:
                session.covers.popitem(last=False)
        while len(self._sessions) > self._max_sessions:
            self._sessions.popitem(last=False)

    def reacted(self, session_id: str, consent_id: str) -> dict[str, Reacted]:
        """Action unit -> on how many covers, of those where it was measured; empty for an unknown session.

        Raises NoConsentError for a session of another consent.
        """
        self.expire()
        session = self._sessions.get(session_id)
        if session is None:
            return {}
        self._check(session, consent_id)
        counts: dict[str, Reacted] = {}
        for values in session.covers.values():
            for au, value in values.items():
                before = counts.get(au, Reacted(0, 0))
                counts[au] = Reacted(before.covers + (value >= REACTED_FROM), before.of + 1)
        return dict(sorted(counts.items()))

    def end(self, session_id: str) -> bool:
        """Delete a session; whether there was one."""
        return self._sessions.pop(session_id, None) is not None

    def withdraw(self, consent_ids: Iterable[str]) -> int:
        """Delete every session of these consents; how many."""
        gone = set(consent_ids)
        ended = [one for one, session in self._sessions.items() if session.consent_id in gone]
        for session_id in ended:
            del self._sessions[session_id]
        return len(ended)

    def consents(self) -> set[str]:
        """The consents that sessions stand on."""
        return {session.consent_id for session in self._sessions.values()}

    def expire(self) -> None:
        """Delete sessions that were not heard of for too long; the oldest come first."""
        until_s = self._clock() - self._ttl_s
        while self._sessions and next(iter(self._sessions.values())).seen_s < until_s:
            self._sessions.popitem(last=False)

    @staticmethod
    def _check(session: _Session, consent_id: str) -> None:
        if session.consent_id != consent_id:
            raise NoConsentError("expected the consent that the session was begun under")
