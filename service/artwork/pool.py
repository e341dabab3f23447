"""WorkPool: threads for work that would hold up the event loop, with a bound on what waits for them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from service.errors import OverloadedError
from service.telemetry import Telemetry

Result = TypeVar("Result")


class WorkPool:
    """Refuses at once what would wait too long; what waited past its deadline is not begun.

    For one event loop; the work runs on `threads` threads, each call of a network on one core.
    """

    def __init__(self, threads: int, max_waiting: int, telemetry: Telemetry) -> None:
        """max_waiting: calls that may wait while every thread works."""
        self._threads, self._limit = threads, threads + max_waiting
        self._taken = 0
        self._executor = ThreadPoolExecutor(threads, "artwork", initializer=torch.set_num_threads, initargs=(1,))
        telemetry.artwork_in_flight.set_function(lambda: self._taken)

    async def run(self, due_s: float, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on a thread; raises OverloadedError.

        due_s: the latest time.monotonic() to begin at where it has to wait for a thread.
        """
        if self._taken >= self._limit:
            raise OverloadedError(f"{self._taken} pictures and sentences are being worked on already")

        waits = self._taken >= self._threads

        def call() -> Result:
            if waits and time.monotonic() > due_s:
                raise OverloadedError("the deadline passed before a thread was free")
            return function(*arguments)

        self._taken += 1
        # Not a coroutine's await: a client that goes away must not free a place that a thread still holds.
        work = asyncio.get_running_loop().run_in_executor(self._executor, call)
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def close(self) -> None:
        """Drop what waits and let what is under way end."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _done(self, work: asyncio.Future) -> None:
        self._taken -= 1
        if not work.cancelled():
            work.exception()  # read, so that one nobody waits for any more is not reported as never retrieved
