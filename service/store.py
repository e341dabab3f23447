"""Store: the connection to Redis; every round trip is bounded in time and counted."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from service.errors import StoreLateError, StoreUnavailableError
from service.settings import Settings
from service.telemetry import Telemetry

Answer = TypeVar("Answer")


class Store:
    """Redis behind a time limit.

    A call that is late is left to end by its socket timeout rather than cancelled: a cancelled call would leave its
    answer in the connection for the next caller, that is, one user's history for another.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        timeout_s = max(settings.redis_timeout_ms, settings.ingest_timeout_ms) / 1000
        # One more try on a connection that Redis closed while it was idle; none on a timeout.
        retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
        self.redis: Redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=retry,
            max_connections=2 * settings.max_concurrent_requests + 8,
            decode_responses=False,
        )
        self.telemetry = telemetry
        self._running: set[asyncio.Future] = set()

    async def call(self, operation: str, awaitable: Awaitable[Answer], timeout_s: float) -> Answer:
        """The answer of one round trip; StoreUnavailableError when it fails, StoreLateError when it takes timeout_s."""
        started_s = time.perf_counter()
        task = asyncio.ensure_future(awaitable)
        self.keep(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout_s)
            if not done:
                raise StoreLateError("the history store did not answer in time")
            return task.result()
        except (RedisError, OSError, StoreUnavailableError) as error:
            self.telemetry.store_failures.labels(operation).inc()
            if isinstance(error, StoreUnavailableError):
                raise
            raise StoreUnavailableError("the history store cannot be reached") from error
        finally:
            self.telemetry.store_duration.labels(operation).observe(time.perf_counter() - started_s)

    def keep(self, task: asyncio.Future) -> None:
        """Let a call run to its end, whoever still waits for it; `close` does."""
        self._running.add(task)
        task.add_done_callback(self._forget)

    async def close(self) -> None:
        """Wait for what is under way, then close every connection."""
        if self._running:
            await asyncio.wait(set(self._running))
        await self.redis.aclose()

    def _forget(self, task: asyncio.Future) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that a late failure is not reported as never retrieved
