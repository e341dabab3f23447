"""Admission: who may run now (Permits) and when the answer is due (Deadline)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from service.errors import OverloadedError


class Permits:
    """A fixed number of requests at a time; the next one is refused at once rather than queued without bound."""

    def __init__(self, limit: int, in_flight: Gauge) -> None:
        self._limit = limit
        self._taken = 0
        self._in_flight = in_flight

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a permit for the body of a with-statement; raises OverloadedError when none is left."""
        if self._taken >= self._limit:
            raise OverloadedError(f"{self._limit} requests are being answered already")
        self._taken += 1
        self._in_flight.set(self._taken)
        try:
            yield
        finally:
            self._taken -= 1
            self._in_flight.set(self._taken)


class Deadline:
    """The moment an answer is due, on the monotonic clock."""

    def __init__(self, deadline_ms: float, started_s: float | None = None) -> None:
        """`started_s`: time.monotonic() of the request's arrival, now if left out."""
        self._due_s = (time.monotonic() if started_s is None else started_s) + deadline_ms / 1000

    def remaining_s(self, reserve_ms: float = 0) -> float:
        """Time left before the deadline less a reserve; never below 0."""
        return max(0.0, self._due_s - time.monotonic() - reserve_ms / 1000)
