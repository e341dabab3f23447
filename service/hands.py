"""Hands: the hand-pose release in force, and the one thread on which hands are computed."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from model.hand_pose.cursor import Cursor
from model.hand_pose.inference import HandPose
from service.errors import HandsUnavailableError, NotConfiguredError, NotReadyError, OverloadedError
from service.followed import Followed
from service.settings import Settings
from service.telemetry import Telemetry

MAX_WAITING = 64
MAX_STREAMS = 64
NOT_SET = "expected REC_HANDS_ROOT to name a folder of hand-pose releases, and the operator has set none"
Result = TypeVar("Result")


class Hands:
    """Nothing of a hand is kept here: a frame is an argument, and a point is an answer."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._executor = ThreadPoolExecutor(1, "hands")
        self._waiting = 0
        self._streams = 0
        telemetry.hand_streams.set_function(lambda: self._streams)
        self.releases: Followed[HandPose] = Followed(
            "hand-pose",
            settings.hands_root,
            lambda path: HandPose.load(path, settings.release_public_key),
            NotConfiguredError(NOT_SET),
            settings.release_poll_ms,
            telemetry,
        )

    @property
    def pose(self) -> HandPose:
        """The release in force; raises HandsUnavailableError that says why there is none."""
        try:
            return self.releases.served
        except (NotConfiguredError, NotReadyError) as error:
            refused = self.releases.refused
            reason = f"the hand-pose release was refused: {refused}" if refused else error.detail
            raise HandsUnavailableError(reason) from None

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on the thread for hands; raises OverloadedError where too many calls wait for it."""
        if self._waiting >= MAX_WAITING:
            raise OverloadedError(f"{self._waiting} requests wait for hands already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._waiting -= 1

    @contextmanager
    def stream(self) -> Iterator[Cursor]:
        """A cursor for one open stream; raises OverloadedError where too many are open."""
        cursor = self.pose.cursor()
        if self._streams >= MAX_STREAMS:
            raise OverloadedError(f"{self._streams} streams of hands are open already")
        self._streams += 1
        try:
            yield cursor
        finally:
            self._streams -= 1

    def count(self, state: str) -> None:
        """Count an answered frame by what the cursor did."""
        self._telemetry.hand_points.labels(state).inc()

    def close(self) -> None:
        """Let the threads end; what waits for them is dropped."""
        self.releases.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
