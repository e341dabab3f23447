"""Closed loop: one client that sends when the last answer is there, as most load tools do; for comparison only.

While a server hangs it sends nothing, so that a stall becomes a single slow sample: coordinated omission.
"""

import time
from http.client import HTTPConnection, HTTPException

import numpy as np

from loadtest.open_loop.fleet import Load
from loadtest.open_loop.target import number_of
from loadtest.open_loop.traffic import Traffic


class ClosedLoop:
    """Called with the moment to begin at; latency_ms afterwards holds what it saw, from sending to answer."""

    def __init__(self, load: Load, *, rate_per_s: float, duration_s: float, seed: int) -> None:
        if not rate_per_s > 0:
            raise ValueError(f"expected a rate above 0, got {rate_per_s}")
        self._targets, self._timeout_s = load.targets, load.timeout_s
        self._traffic = Traffic(load.vocabulary, load.habits, seed, f"closed-{seed}-{time.time_ns():x}")
        self._pause_s, self._duration_s = 1 / rate_per_s, duration_s
        self.latency_ms = np.empty(0)

    def __call__(self, start_s: float) -> None:
        found: list[float] = []
        connections = [HTTPConnection(one.host, one.port, timeout=self._timeout_s) for one in self._targets]
        try:
            while time.monotonic() < start_s + self._duration_s:
                action = self._traffic.action()
                number = number_of(action.user_id, self._targets)
                connection, prefix = connections[number], self._targets[number].prefix
                for path, body in action.requests:
                    began_s = time.monotonic()
                    connection.request("POST", prefix + path, body, {"content-type": "application/json"})
                    connection.getresponse().read()
                    found.append(1000 * (time.monotonic() - began_s))
                    time.sleep(max(0.0, began_s + self._pause_s - time.monotonic()))
        except (OSError, HTTPException) as error:
            raise ValueError(f"expected the closed loop to be answered, got {type(error).__name__}") from error
        finally:
            for connection in connections:
                connection.close()
        self.latency_ms = np.array(found)
