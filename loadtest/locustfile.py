"""The same mix of actions for locust: locust -f loadtest/locustfile.py --host http://127.0.0.1:8000.

locust is a closed loop: a user who waits for an answer asks nothing meanwhile. Use it to look at a service by hand;
take figures from loadtest.open_loop. LOAD_MIX, LOAD_USERS and LOAD_K change what is asked.
"""

import logging
import os
from itertools import count
from typing import Any

import gevent
from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.open_loop.mix import DEFAULT_MIX, parse_mix
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits, Traffic
from loadtest.open_loop.vocabulary import Vocabulary, read_vocabulary

logger = logging.getLogger(__name__)
_vocabularies: dict[str, Vocabulary] = {}
_numbers = count()


def habits_of(environment: Any) -> Habits:
    """What the variables LOAD_MIX, LOAD_USERS and LOAD_K say; raises ValueError."""
    mix = environment.get("LOAD_MIX")
    return Habits(
        mix=parse_mix(mix) if mix else dict(DEFAULT_MIX),
        users=int(environment.get("LOAD_USERS", Habits.users)),
        k=int(environment.get("LOAD_K", Habits.k)),
    )


@events.test_start.add_listener
def read_what_can_be_asked(environment: Environment, **_: Any) -> None:
    """Once per test, before any user starts."""
    host = environment.host or Listener.host
    try:
        _vocabularies[str(host)] = read_vocabulary(Target.of(str(host)))
    except ValueError as error:
        logger.error("%s", error)
        environment.process_exit_code = 2
        if environment.runner is not None:
            # Not from within: the runner is in the middle of its start.
            gevent.spawn(environment.runner.quit)


class Listener(FastHttpUser):
    """Someone who listens, and whose pages ask for several lists at once."""

    host = "http://127.0.0.1:8000"
    wait_time = between(0.2, 1.0)

    def on_start(self) -> None:
        """Every user draws actions of its own."""
        if str(self.host) not in _vocabularies:
            raise StopUser
        number = next(_numbers)
        run = f"locust-{os.getpid()}-{number}-{os.urandom(4).hex()}"
        self.traffic = Traffic(_vocabularies[str(self.host)], habits_of(os.environ), number, run)

    @task
    def act(self) -> None:
        """One action; the requests of a page go out together."""
        action = self.traffic.action()
        sending = [gevent.spawn(self._send, action.kind, path, body) for path, body in action.requests]
        gevent.joinall(sending, raise_error=True)

    def _send(self, kind: str, path: str, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        with self.client.post(path, data=body.decode(), headers=headers, name=kind, catch_response=True) as response:
            if response.status_code == 200 and b'"source":"fallback"' in (response.content or b""):
                response.failure("answered by the fallback")
