"""Followed: what `current` of a folder of releases names, loaded off the event loop, replaced when another is named."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import torch

from model.release import read_current
from service.courtesy import courtesy
from service.errors import NotConfiguredError, NotReadyError
from service.logs import failure_fields
from service.telemetry import Telemetry

logger = logging.getLogger("service.followed")
Loaded = TypeVar("Loaded")


class Followed(Generic[Loaded]):
    """A release that is refused leaves in force what was so before, and is not tried again before `current` changes.

    There is no gate: no recent requests to judge such a release by.
    """

    def __init__(
        self,
        kind: str,
        root: Path | None,
        load: Callable[[Path], Loaded],
        missing: NotConfiguredError,
        poll_ms: int,
        telemetry: Telemetry,
    ) -> None:
        """load: a release's directory -> what is served of it. missing: raised where there is no root."""
        self._kind = kind
        self._root = root
        self._load = load
        self._missing = missing
        self._poll_s = poll_ms / 1000
        self._telemetry = telemetry
        self._seen: str | None = None
        self._served: Loaded | None = None
        self._served_id: str | None = None
        self.refused: str | None = None
        self.refused_id: str | None = None
        self._changing = threading.Lock()
        self._executor = ThreadPoolExecutor(1, f"{kind}-load", initializer=torch.set_num_threads, initargs=(1,))

    @property
    def served(self) -> Loaded:
        """What is in force; raises the NotConfiguredError, or NotReadyError before anything is loaded."""
        if self._root is None:
            raise self._missing
        if self._served is None:
            state = "is being loaded" if self.refused is None else f"was refused: {self.refused}"
            raise NotReadyError(f"the {self._kind} release {state}")
        return self._served

    @property
    def configured(self) -> bool:
        """Whether there is a root to follow."""
        return self._root is not None

    @property
    def is_served(self) -> bool:
        """Whether anything is in force."""
        return self._served is not None

    @property
    def settled(self) -> bool:
        """Whether the first release was loaded or refused, or there is none to wait for."""
        return not self.configured or self.is_served or self.refused is not None

    @property
    def release_id(self) -> str | None:
        """Of what is in force."""
        return self._served_id

    def succeed(self, before: Loaded, loaded: Loaded) -> Loaded:  # noqa: ARG002 - for kinds that carry something over
        """What replaces `before`: the release that was loaded, unless something of `before` outlives it."""
        return loaded

    def change(self, changed: Callable[[Loaded], Loaded]) -> Loaded:
        """Put another form of what is in force in its place, and return it; one change at a time, releases included.

        For a worker thread: it waits. What `changed` raises leaves everything as it was.
        """
        with self._changing:
            self._served = changed(self.served)
            return self._served

    async def follow(self) -> None:
        """Load what `current` names, and look at it again and again until cancelled."""
        while self._root is not None:
            await self.look()
            await asyncio.sleep(self._poll_s)

    async def look(self) -> None:
        """Turn to what `current` names now, if it is another release than before."""
        if self._root is None:
            return
        loop = asyncio.get_running_loop()
        release_id: str | None = None
        try:
            release_id = (await loop.run_in_executor(self._executor, read_current, self._root)).release_id
            if release_id == self._seen:
                return
            self._seen = release_id
            await loop.run_in_executor(self._executor, self._put_in_force, self._root / release_id)
        except Exception as error:
            # Whatever it is, the loop goes on: else no later release would ever be seen.
            self._refuse(release_id, error)
            return
        self.refused = self.refused_id = None
        if self._served_id is not None:
            self._telemetry.followed_release.remove(self._kind, self._served_id)
        self._served_id = release_id
        self._telemetry.followed_release.labels(self._kind, release_id).set(1)
        logger.info("in_force", extra={"kind": self._kind, "release": release_id})

    def close(self) -> None:
        """Leave what is being loaded."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _put_in_force(self, path: Path) -> None:
        with courtesy:
            loaded = self._load(path)
        with self._changing:
            self._served = loaded if self._served is None else self.succeed(self._served, loaded)

    def _refuse(self, release_id: str | None, error: Exception) -> None:
        if release_id is None and self.refused is not None:
            return  # told already, and every poll would tell it again
        self.refused_id = release_id
        # Messages of our own name files and releases; others may hold anything.
        self.refused = str(error) if isinstance(error, ValueError | OSError) else type(error).__qualname__
        self._telemetry.followed_refusals.labels(self._kind).inc()
        fields = {"kind": self._kind, "release": release_id, "reason": self.refused}
        logger.critical("refused", extra=fields | failure_fields(error))
