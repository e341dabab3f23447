"""Readiness: what a service says of the release it serves, and how long until it says it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

NOTICED_S = 60.0
# As often as an orchestrator would at most: what asks is part of the load.
POLL_S = 0.1


def readiness(url: str) -> dict[str, Any]:
    """GET /health/ready; raises OSError where it is not ready."""
    with urllib.request.urlopen(f"{url}/health/ready", timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def wait_ready(url: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until something holds; raises TimeoutError after NOTICED_S."""
    until_s = time.monotonic() + NOTICED_S
    while time.monotonic() < until_s:
        found = readiness(url)
        if holds(found):
            return found
        time.sleep(POLL_S)
    raise TimeoutError(f"expected another answer of {url}/health/ready within {NOTICED_S} s, got {found}")
