"""Patience: whether another chunk of work still fits before the deadline."""

import time

from service.admission import Deadline

# For what comes after the last chunk: ordering, presenting, writing the answer.
RESERVE_MS = 5


class Patience:
    """Asked before every chunk; the longest chunk so far is what the next one may take."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._asked_s: float | None = None
        self._longest_s = 0.0

    def lasts(self) -> bool:
        """Whether there is time for one more."""
        now_s = time.monotonic()
        if self._asked_s is not None:
            self._longest_s = max(self._longest_s, now_s - self._asked_s)
        self._asked_s = now_s
        return self._deadline.remaining_s(RESERVE_MS) > self._longest_s
