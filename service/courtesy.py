"""Courtesy: how work in the background stays out of the way of requests that are being answered."""

import sys
import threading
import time
from collections.abc import Callable

# While there is work in the background, a request waits this long for the interpreter at most each time it wants it
# back, not the usual 5 ms: what loads is in no hurry.
YIELD_S = 0.0001
# A service that is never idle still gets its next release, at a quarter of a thread's time.
PATIENCE = 3.0
LOOK_S = 0.0005


class Courtesy:
    """Within a with-statement the interpreter is given away as soon as another thread asks for it.

    Several threads may be within; the usual interval comes back when the last one leaves.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._usual_s = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._within += 1
            if self._within == 1:
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(YIELD_S)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                sys.setswitchinterval(self._usual_s)


courtesy = Courtesy()
"""One for the process: there is one interpreter."""


def no_rest() -> None:
    """Go on at once: nobody is served meanwhile."""


class Rests:
    """Pauses between short pieces of work: as long as the piece took, and on until no request is being answered."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        """in_flight: how many requests are being answered, asked from the thread that works."""
        self._in_flight = in_flight
        self._began_s = time.perf_counter()

    def __call__(self) -> None:
        """End a piece of work, wait, and begin the next."""
        now_s = time.perf_counter()
        worked_s = now_s - self._began_s
        time.sleep(worked_s)
        while self._in_flight() and time.perf_counter() < now_s + PATIENCE * worked_s:
            time.sleep(LOOK_S)
        self._began_s = time.perf_counter()
