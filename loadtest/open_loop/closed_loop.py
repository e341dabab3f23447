"""Closed loop: one connection that sends when the last answer is there, as most load tools do; for comparison only.

While a server hangs it sends nothing, so that a stall becomes a single slow sample: coordinated omission.
"""

import time
from http.client import HTTPConnection, HTTPException

import numpy as np

from loadtest.open_loop.fleet import Load
from loadtest.open_loop.traffic import Traffic


class ClosedLoop:
    """Called with the moment to begin at; latency_ms afterwards holds what it saw, from sending to answer."""

    def __init__(self, load: Load, *, rate_per_s: float, duration_s: float, seed: int) -> None:
        self._target, self._timeout_s = load.target, load.timeout_s
        self._traffic = Traffic(load.vocabulary, load.habits, seed, f"closed-{seed}-{time.time_ns():x}")
        self._pause_s, self._duration_s = 1 / rate_per_s, duration_s
        self.latency_ms = np.empty(0)

    def __call__(self, start_s: float) -> None:
        found: list[float] = []
        connection = HTTPConnection(self._target.host, self._target.port, timeout=self._timeout_s)
        try:
            while time.monotonic() < start_s + self._duration_s:
                for path, body in self._traffic.action().requests:
                    began_s = time.monotonic()
                    connection.request("POST", self._target.prefix + path, body, {"content-type": "application/json"})
                    connection.getresponse().read()
                    found.append(1000 * (time.monotonic() - began_s))
                    time.sleep(max(0.0, began_s + self._pause_s - time.monotonic()))
        except (OSError, HTTPException) as error:
            raise ValueError(f"expected the closed loop to be answered, got {type(error).__name__}") from error
        finally:
            connection.close()
        self.latency_ms = np.array(found)
