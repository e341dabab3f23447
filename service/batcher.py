"""Batcher: many waiting requests -> one call of the model; whoever comes while it is busy is in the next batch."""

import asyncio
import math
import time
from collections import deque

from model.climber_pilot.inference import Candidates, RetrievalRequest
from model.climber_pilot.user_state import UserState
from service.batch import Job, compute
from service.errors import OverloadedError
from service.history import UsedHistory
from service.releases import Releases, ServedRelease
from service.settings import Settings
from service.state_cache import CachedUser, StateCache
from service.telemetry import Telemetry
from service.waiters import Waiters


class Batcher:
    """The queue before the one model thread. For the event loop's thread alone.

    A request that finds the thread idle is not delayed for batch mates. What is late when its batch begins is not
    computed. Where the settings allow it, requests whose states are kept are answered without the thread, as many at a
    time as have been taking less than what was allowed: two threads that share one interpreter cost more than they win.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, releases: Releases, states: StateCache) -> None:
        self._max_batch, self._max_queue = settings.max_batch, settings.max_queue
        self._inline_s = settings.inline_ms / 1000
        # Of one request whose state is kept, decaying; unknown until the model thread has answered one.
        self._warm_s = math.inf
        self._telemetry = telemetry
        self._releases = releases
        self._states = states
        self._waiters = Waiters(TimeoutError)
        self._queue: deque[Job] = deque()
        self._idlers: list[asyncio.Future] = []
        self._busy = False
        self._planned = False

    def ask(
        self, served: ServedRelease, asked: RetrievalRequest, history: UsedHistory, user: CachedUser, due_s: float
    ) -> asyncio.Future[list[Candidates]]:
        """Candidates per condition; raises OverloadedError. The future fails with TimeoutError at `due_s`.

        history: what `asked` was made of; where it carries no state, one is computed and kept with the user.
        """
        if len(self._queue) >= self._max_queue:
            raise OverloadedError(f"{self._max_queue} requests wait for the model already")
        future = self._waiters.add(due_s)
        self._queue.append(Job(served, asked, history, user, time.monotonic(), future))
        if not self._busy and not self._planned:
            # At the end of this turn of the event loop: requests that were woken together are asked together.
            self._planned = True
            asyncio.get_running_loop().call_soon(self._next)
        return future

    async def idle(self) -> None:
        """Wait until nobody waits for the model."""
        while self._busy or self._queue:
            idle = asyncio.get_running_loop().create_future()
            self._idlers.append(idle)
            await idle

    async def encode(self, served: ServedRelease, user: CachedUser) -> None:
        """Compute a user's state once the model is idle."""
        await self.idle()
        future = self._waiters.add(math.inf)
        self._begin([Job(served, None, user.history, user, time.monotonic(), future)])
        await future

    def _next(self) -> None:
        self._planned = False
        if self._busy:
            return
        now_s = time.monotonic()
        batch = self._next_batch()
        if batch:
            self._telemetry.batch_requests.observe(len(batch))
            self._telemetry.queue_wait.observe(now_s - batch[0].arrived_s)
            self._begin(batch)
            return
        for idle in self._idlers:
            if not idle.done():
                idle.set_result(None)
        self._idlers.clear()

    def _next_batch(self) -> list[Job]:
        """The first jobs of the queue that still wait, of one release; only kept states where they need no thread."""
        batch: list[Job] = []
        most, here, most_here = self._max_batch, False, self._most_here()
        while self._queue and len(batch) < most:
            job = self._queue[0]
            if batch and (job.served is not batch[0].served or (here and not job.is_warm)):
                break
            self._queue.popleft()
            if job.future.done():
                continue
            if not batch and most_here and job.is_warm:
                most, here = most_here, True
            batch.append(job)
        return batch

    def _most_here(self) -> int:
        """How many jobs with kept states the event loop may answer in one go."""
        return int(min(self._inline_s / self._warm_s, self._max_batch)) if self._warm_s else self._max_batch

    def _begin(self, batch: list[Job]) -> None:
        self._busy = True
        for job in batch:
            job.previous = job.user.state  # an earlier batch may have computed it meanwhile
        loop = asyncio.get_running_loop()
        if len(batch) <= self._most_here() and all(job.is_warm for job in batch):
            loop.call_soon(self._run_here, batch)
        else:
            self._releases.submit(self._run, loop, batch)

    def _run_here(self, batch: list[Job]) -> None:
        """On the event loop, while the model thread has nothing to do."""
        # Of this thread alone: what waits for a processor or for the interpreter says nothing of the call.
        started_s = time.thread_time()
        retried = compute(batch)
        self._deliver(batch, retried, time.thread_time() - started_s)

    def _run(self, loop: asyncio.AbstractEventLoop, batch: list[Job]) -> None:
        """On the model thread."""
        started_s = time.thread_time()
        retried = compute(batch)
        loop.call_soon_threadsafe(self._deliver, batch, retried, time.thread_time() - started_s)

    def _deliver(self, batch: list[Job], retried: bool, took_s: float) -> None:
        self._busy = False
        if all(job.is_warm for job in batch):
            each_s = took_s / len(batch)
            # Slower counts at once, faster only when it lasts.
            self._warm_s = (
                each_s if each_s > self._warm_s or self._warm_s == math.inf else 0.8 * self._warm_s + 0.2 * each_s
            )
        for job in batch:
            if job.state is not None and job.state is not job.user.current:
                self._keep(job, job.state)
        # The thread goes on with the next batch while this one's answers are made.
        self._next()
        if retried:
            self._telemetry.batch_retries.inc()
        for job in batch:
            self._waiters.answer(job.future, job.outcome)
            if job.asked is not None:
                self._states.count(job.previous, job.state)

    def _keep(self, job: Job, state: UserState) -> None:
        """A stored history's own state stays; one that the body of a request added to is computed from it."""
        user = job.user
        if job.history is user.history or user.current is None:
            self._states.keep(user, state, job.history)
