"""Waiters: futures that end when they are due at the latest, with one timer for all of them."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any


class Waiters:
    """A timer per waiting request costs more than what it waits for; here the earliest due time has the only one."""

    def __init__(self, late: Callable[[], Exception]) -> None:
        """`late`: makes the exception that a future ends with when it is due."""
        self._late = late
        self._due_s: dict[asyncio.Future, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fires_s = math.inf

    def __len__(self) -> int:
        return len(self._due_s)

    def add(self, due_s: float) -> asyncio.Future:
        """A future that fails at `due_s` (time.monotonic(); inf for never) where `answer` does not come first."""
        future = asyncio.get_running_loop().create_future()
        self._due_s[future] = due_s
        if due_s < self._fires_s:
            self._arm(due_s)
        return future

    def answer(self, future: asyncio.Future, outcome: Any) -> None:
        """End a future with a result, or with the exception that `outcome` is; one that has ended is left alone."""
        self._due_s.pop(future, None)
        if future.done():
            return
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _arm(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_s = due_s
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due_s - time.monotonic()), self._expire)

    def _expire(self) -> None:
        now_s = time.monotonic()
        self._timer, self._fires_s = None, math.inf
        for future in [future for future, due_s in self._due_s.items() if due_s <= now_s or future.done()]:
            self.answer(future, self._late())
        next_s = min(self._due_s.values(), default=math.inf)
        if next_s < math.inf:
            # Never sooner than a millisecond: the loop's clock is coarser than the one that due times are on.
            self._arm(max(next_s, now_s + 0.001))
