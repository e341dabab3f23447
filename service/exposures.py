"""ExposureLog: what was shown, by which arm and how likely, into a bounded Redis stream and never in a request's way.

One stream entry per request, its field `record` a JSON object: request_id, user_id (null without one), time_s,
request_time_s, experiment, arm, meant_arm, assigned_by, arm_probability (of the meant one), release, source, mode, k,
exclude_seen, grouped, excluded (how many ids), history_source, latency_ms, instructions (name, where), quotas, and per
place in columns: items, scores, instruction (index), compliant, propensities and candidates. A propensity is the
probability of the item given the places above it; both columns are null where nothing was left to chance. In groups the
places of all lists are counted on.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from redis.exceptions import RedisError

from service.errors import StoreUnavailableError
from service.experiment import Assignment, share_of
from service.exposure_script import ERASE_SCRIPT, EXPOSURE_SCRIPT
from service.logs import failure_fields
from service.presentation import Answer
from service.request import RecommendRequest
from service.settings import Settings
from service.store import Store
from service.user_keys import ExposureKeys

EXPOSURE_STREAM = "rec:exposures"
# Independent of every experiment's name, so that the sample is the same share of every arm.
SAMPLE_SALT = "exposures sampled"
# So few that nobody waits for them to be written down.
BATCH = 32
PAUSE_S = 0.2
NO_USER = ("", "")
# A request that has waited longer is dropped.
MAX_WAIT_S = 30
logger = logging.getLogger("service.exposures")


class Shown(NamedTuple):
    """One answer to be logged. assignment: None outside of experiments.

    time_s: when it was answered, epoch seconds; noted_s: the same on the monotonic clock.
    """

    request: RecommendRequest
    answer: Answer
    assignment: Assignment | None
    time_s: float
    noted_s: float


class ExposureLog:
    """Takes answers, writes them in batches on a task of its own. For the event loop's thread alone.

    What cannot be written is counted and gone: an answer is never slowed down or failed by its log.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        share = settings.exposure_share
        self._share = share if share is not None else float(settings.experiment is not None)
        self._queue: deque[Shown] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False
        counter = store.telemetry.exposures
        self._counts = {name: counter.labels(name) for name in ("written", "erased", "dropped", "failed")}

    def __len__(self) -> int:
        """Requests that wait to be logged."""
        return len(self._queue)

    def note(self, request: RecommendRequest, answer: Answer, assignment: Assignment | None) -> None:
        """Log an answer soon, where its user is among the sampled ones."""
        if not self._share:
            return
        unit = request.user_id if request.user_id is not None else answer.request_id
        if self._share < 1 and share_of(SAMPLE_SALT, unit) >= self._share:
            return
        if len(self._queue) >= self._settings.exposure_queue:
            self._counts["dropped"].inc()
            return
        self._queue.append(Shown(request, answer, assignment, time.time(), time.monotonic()))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def forget(self, user_id: str) -> int:
        """Erase a user's exposures, and those that wait; how many were stored. Raises StoreUnavailableError."""
        before = len(self._queue)
        self._queue = deque(one for one in self._queue if one.request.user_id != user_id)
        self._counts["erased"].inc(before - len(self._queue))
        timeout_s = self._settings.ingest_timeout_ms / 1000
        # What other processes have of the user is written or dropped before the mark goes.
        marked_s = int(MAX_WAIT_S + 2 * timeout_s) + 1
        erasing = self._store.redis.eval(ERASE_SCRIPT, 3, EXPOSURE_STREAM, *ExposureKeys.of(user_id), marked_s)
        return int(await self._store.call("erase", erasing, timeout_s))

    async def close(self) -> None:
        """Write what waits, unless the store fails."""
        self._closing = True
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._queue:
                await asyncio.sleep(PAUSE_S)
                while self._queue:
                    written = await self._write_batch(self._next_batch())
                    if self._closing and not written:
                        self._counts["failed"].inc(len(self._queue))
                        self._queue.clear()
        finally:
            self._writer = None

    def _next_batch(self) -> list[Shown]:
        """The first of the queue that have not waited too long."""
        batch: list[Shown] = []
        earliest_s = time.monotonic() - MAX_WAIT_S
        while self._queue and len(batch) < BATCH:
            shown = self._queue.popleft()
            if shown.noted_s >= earliest_s:
                batch.append(shown)
            else:
                self._counts["dropped"].inc()
        return batch

    async def _write_batch(self, batch: Sequence[Shown]) -> bool:
        """Whether the store took it."""
        if not batch:
            return True
        keys, records = [EXPOSURE_STREAM], list[bytes]()
        for shown in batch:
            user_id = shown.request.user_id
            keys += NO_USER if user_id is None else ExposureKeys.of(user_id)
            records.append(orjson.dumps(self._record(shown)))
        settings = self._settings
        values: list[int | bytes] = [
            settings.exposure_stream_requests,
            settings.exposure_retention_s,
            int(1000 * time.time()),
            *records,
        ]
        try:
            writing = self._store.redis.eval(EXPOSURE_SCRIPT, len(keys), *keys, *values)
            written = int(await self._store.call("expose", writing, settings.ingest_timeout_ms / 1000))
        except (StoreUnavailableError, RedisError) as error:
            self._counts["failed"].inc(len(batch))
            logger.warning("exposures_lost", extra={"requests": len(batch), **failure_fields(error)})
            return False
        self._counts["written"].inc(written)
        self._counts["erased"].inc(len(batch) - written)
        return True

    @staticmethod
    def _record(shown: Shown) -> dict[str, Any]:
        request, answer, assignment = shown.request, shown.answer, shown.assignment
        item_ids = answer.served.catalogue.item_ids
        record: dict[str, Any] = {
            "request_id": answer.request_id,
            "user_id": request.user_id,
            "time_s": shown.time_s,
            "request_time_s": request.request_time_s,
            "release": answer.release,
            "source": answer.source,
            "mode": answer.mode,
            "k": request.k,
            "exclude_seen": request.exclude_seen,
            "grouped": answer.grouped,
            "excluded": len(request.exclude),
            "history_source": answer.history_source,
            "latency_ms": answer.took_ms,
            "instructions": answer.instructions,
            "quotas": [one.quota for one in answer.asked] if answer.instructions else [],
        }
        if assignment is not None:
            record |= {
                "experiment": assignment.experiment,
                "arm": assignment.arm.name,
                "meant_arm": assignment.meant.name,
                "assigned_by": assignment.by,
                "arm_probability": assignment.meant.share,
            }
        lists, drawn = answer.lists, [one.drawn for one in answer.lists if one.drawn is not None]
        return record | {
            "items": [item_ids[row] for one in lists for row in one.slate.rows],
            "scores": [score for one in lists for score in one.slate.scores],
            "instruction": [index for one in lists for index in one.slate.instructions],
            "compliant": [flag for one in lists for flag in one.satisfied],
            "propensities": [one for own in drawn for one in own.probability] or None,
            "candidates": [one for own in drawn for one in own.candidates] or None,
        }
