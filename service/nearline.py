"""NearLine: states of users with new events, extended while the model is idle, before the next request needs them."""

import asyncio
import logging
from collections.abc import Iterable

from service.batcher import Batcher
from service.cached_users import CachedUsers
from service.errors import ServiceError
from service.logs import failure_fields
from service.releases import Releases, ServedRelease
from service.telemetry import Telemetry

MAX_DUE = 1_024
logger = logging.getLogger("service.nearline")


class NearLine:
    """Only for users this process has cached, one at a time, and only while no request waits.

    A user who outgrows what can be extended gets one full pass per request: without requests it would be in vain.
    """

    def __init__(self, users: CachedUsers, batcher: Batcher, releases: Releases, telemetry: Telemetry) -> None:
        self._users = users
        self._batcher = batcher
        self._releases = releases
        self._due: dict[str, None] = {}
        self._task: asyncio.Task | None = None
        self._counts = {result: telemetry.nearline.labels(result) for result in ("extended", "left", "failed")}

    @property
    def busy(self) -> bool:
        """Whether there is a user to be done still."""
        return self._task is not None

    def notify(self, user_ids: Iterable[str]) -> None:
        """Tell of users whose history has changed."""
        active = self._releases.active()
        for user_id in user_ids:
            if all(self._users.knows(served, user_id) is None for served in active):
                continue
            if len(self._due) < MAX_DUE:
                self._due[user_id] = None
            else:
                self._counts["left"].inc()
        if self._due and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def close(self) -> None:
        """Leave what is still due."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            while self._due:
                await self._batcher.idle()
                user_id = next(iter(self._due))
                del self._due[user_id]
                known = [one for one in self._releases.active() if self._users.knows(one, user_id) is not None]
                if not known:
                    self._counts["left"].inc()
                # More than one where the user's arm has changed.
                for served in known:
                    self._counts[await self._extend(served, user_id)].inc()
        finally:
            self._task = None

    async def _extend(self, served: ServedRelease, user_id: str) -> str:
        before = self._users.knows(served, user_id)
        if before is None or before.state is None:
            return "left"
        length, most = len(before.history.rows), served.retriever.max_history
        if length >= most and not before.wanted:
            return "left"
        try:
            user, _ = await self._users.fetch(served, user_id)
            if user.current is None and len(user.history.rows):
                await self._batcher.encode(served, user)
        except ServiceError:
            return "failed"
        except Exception as error:
            # Not a request's failure: the next request of the user computes what is missing, or falls back.
            logger.error("nearline_failed", extra=failure_fields(error))
            return "failed"
        user.wanted = user.wanted and user is before
        return "extended"
