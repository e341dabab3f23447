"""Admission: who may run now (Permits) and when the answer is due (Deadline)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from service.concurrency import ConcurrencyLimit
from service.errors import OverloadedError


class Permits:
    """As many requests at a time as get their answers soon; the next one is refused at once rather than queued.

    The number follows what is measured (ConcurrencyLimit) and never exceeds `limit`. For one event loop.
    """

    def __init__(self, limit: int, in_flight: Gauge, clock: Callable[[], float] = time.monotonic) -> None:
        """in_flight: shows the permits taken. clock: seconds, monotonic."""
        self._clock = clock
        self._taken = 0
        self._limit = ConcurrencyLimit(limit, clock())
        in_flight.set_function(lambda: self.taken)

    @property
    def taken(self) -> int:
        """Requests that are being answered."""
        return self._taken

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        return self._limit.value

    @property
    def retry_after_s(self) -> int:
        """How long a refused client should wait, by the measured drain rate."""
        return self._limit.retry_after_s()

    def refuses(self) -> bool:
        """Whether `take` would raise now; a refusal is counted. Lets a request be refused before its body is read."""
        now_s = self._clock()
        if now_s >= self._limit.ends_s:
            self._limit.turn(now_s, self._taken)
        if self._taken < self._limit.value:
            return False
        self._limit.refused()
        return True

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a permit for the body of a with-statement; raises OverloadedError when none is left."""
        if self.refuses():
            error = OverloadedError(f"{self._taken} requests are being answered already")
            error.headers["retry-after"] = str(self.retry_after_s)
            raise error
        came_s = self._clock()
        self._taken += 1
        ticket = self._limit.came(came_s, self._taken)
        try:
            yield
        finally:
            self._taken -= 1
            now_s = self._clock()
            self._limit.left(now_s, self._taken, now_s - came_s, ticket)


class Deadline:
    """The moment an answer is due, on the monotonic clock."""

    def __init__(self, deadline_ms: float, started_s: float | None = None) -> None:
        """`started_s`: time.monotonic() of the request's arrival, now if left out."""
        self.due_s = (time.monotonic() if started_s is None else started_s) + deadline_ms / 1000

    def remaining_s(self, reserve_ms: float = 0) -> float:
        """Time left before the deadline less a reserve; never below 0."""
        return max(0.0, self.due_s - time.monotonic() - reserve_ms / 1000)
