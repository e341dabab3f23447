"""RecentRequests: a few of the last requests, in memory alone, on which the next release is tried."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.history_codec import HistoryEvent
from service.instructions import ClientForm, Instruction

MAX_EVENTS = 200
SPACING_S = 0.02
"""Not every request of a busy moment: the kept ones should be of many users and some minutes."""
MAX_AGE_S = 900
MAX_ERASED = 256


@dataclass(frozen=True)
class RecentRequest:
    """What a client asked, in its own words, so that any release can be asked it. events: oldest first."""

    user_id: str | None
    events: tuple[HistoryEvent, ...]
    conditions: tuple[Mapping[str, Mapping[str, Sequence[str]]], ...]
    top_k: int
    arrived_s: float = 0.0


class RecentRequests:
    """At most `max_requests`, none older than MAX_AGE_S. Never logged, never written; a user's go when he is erased."""

    def __init__(self, max_requests: int) -> None:
        """`max_requests`: 0 keeps nothing."""
        self._kept: deque[RecentRequest] = deque(maxlen=max_requests)
        self._erased: deque[str] = deque(maxlen=MAX_ERASED)
        self._due_s = 0.0 if max_requests else float("inf")

    def __len__(self) -> int:
        return len(self._kept)

    def note(
        self,
        user_id: str | None,
        events: tuple[HistoryEvent, ...],
        instructions: Sequence[Instruction],
        top_k: int,
        now_s: float,
    ) -> None:
        """Keep a request for a while, if it is the turn of one. now_s: monotonic."""
        if now_s < self._due_s or not events:
            return
        if user_id in self._erased:
            return  # his history may have been read before
        self._due_s = now_s + SPACING_S
        conditions: tuple[ClientForm, ...] = tuple([one.where for one in instructions])
        self._kept.append(RecentRequest(user_id, events[-MAX_EVENTS:], conditions, top_k, now_s))

    def forget(self, user_id: str) -> None:
        """Drop a user's requests, and take none of him for a while."""
        self._erased.append(user_id)
        if any(one.user_id == user_id for one in self._kept):
            self._kept = deque((one for one in self._kept if one.user_id != user_id), maxlen=self._kept.maxlen)

    def sample(self) -> list[RecentRequest]:
        """Those kept, oldest first."""
        earliest_s = time.monotonic() - MAX_AGE_S
        while self._kept and self._kept[0].arrived_s < earliest_s:
            self._kept.popleft()
        return list(self._kept)
