"""Hands: the hand-pose release in force, and the one thread on which hands are computed."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from model.hand_pose.cursor import Cursor
from model.hand_pose.inference import HandPose
from model.release import ReleaseError, current_release
from service.errors import HandsUnavailableError, OverloadedError
from service.logs import failure_fields
from service.settings import Settings
from service.telemetry import Telemetry

MAX_WAITING = 64
MAX_STREAMS = 64
NOT_SET = "expected REC_HANDS_ROOT to name a folder of hand-pose releases, and the operator has set none"
Result = TypeVar("Result")
logger = logging.getLogger("service.hands")


class Hands:
    """Loads what `current` of REC_HANDS_ROOT names and follows it; a release that is refused leaves the one before.

    Nothing of a hand is kept here: a frame is an argument, and a point is an answer.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._executor = ThreadPoolExecutor(1, "hands")
        self._waiting = 0
        self._streams = 0
        telemetry.hand_streams.set_function(lambda: self._streams)
        self._pose: HandPose | None = None
        self._refused: str | None = None
        self._tried: Path | None = None

    @property
    def pose(self) -> HandPose:
        """The release in force; raises HandsUnavailableError that says why there is none."""
        if self._pose is not None:
            return self._pose
        if self._settings.hands_root is None:
            raise HandsUnavailableError(NOT_SET)
        raise HandsUnavailableError(
            f"the hand-pose release was refused: {self._refused}" if self._refused else "it is being loaded"
        )

    async def follow(self) -> None:
        """Look for the release in force until cancelled; ends at once where none is set."""
        while self._settings.hands_root is not None:
            await self._look(self._settings.hands_root)
            await asyncio.sleep(self._settings.release_poll_ms / 1000)

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
        """Let the thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _look(self, root: Path) -> None:
        try:
            path = current_release(root)
            if path == self._tried:
                return
            self._tried = path
            key = self._settings.release_public_key
            self._pose = await asyncio.get_running_loop().run_in_executor(self._executor, HandPose.load, path, key)
        except (ReleaseError, ValueError, KeyError, OSError) as error:
            if str(error) != self._refused:
                logger.error("hands_refused", extra=failure_fields(error))
            self._refused = str(error)
            return
        self._refused = None
        logger.info("hands_in_force", extra={"release": self._pose.release_id})
