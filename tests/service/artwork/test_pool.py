import asyncio
import threading
import time

import pytest

from service.artwork.pool import WorkPool
from service.errors import OverloadedError
from service.telemetry import Telemetry


@pytest.fixture
def gate():
    """Lets calls end when it is set."""
    return threading.Event()


def run(threads, max_waiting, story):
    async def main():
        pool = WorkPool(threads, max_waiting, Telemetry())
        try:
            await story(pool)
        finally:
            pool.close()

    asyncio.run(main())


def test_work_runs_on_another_thread_and_its_failure_comes_back():
    def fail():
        raise ValueError("no")

    async def story(pool):
        assert await pool.run(0, threading.get_ident) != threading.get_ident()
        with pytest.raises(ValueError, match="no"):
            await pool.run(0, fail)
        assert await pool.run(0, lambda a, b: a + b, 1, 2) == 3

    run(1, 0, story)


def test_beyond_the_bound_work_is_refused_at_once(gate):
    async def story(pool):
        taken = [asyncio.ensure_future(pool.run(time.monotonic() + 60, gate.wait, 30)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadedError):
            await pool.run(time.monotonic() + 60, gate.wait, 30)
        gate.set()
        assert await asyncio.gather(*taken) == [True] * 3
        assert await pool.run(0, lambda: "free again") == "free again"

    run(2, 1, story)


def test_what_waited_past_its_deadline_is_not_begun(gate):
    begun = []

    async def story(pool):
        first = asyncio.ensure_future(pool.run(time.monotonic() + 60, gate.wait, 30))
        await asyncio.sleep(0.05)
        late = asyncio.ensure_future(pool.run(time.monotonic() + 0.01, begun.append, 1))
        await asyncio.sleep(0.1)
        gate.set()
        with pytest.raises(OverloadedError, match="deadline"):
            await late
        assert await first
        await pool.run(time.monotonic() - 1, begun.append, 2)  # a thread is free: nothing was waited for

    run(1, 1, story)
    assert begun == [2]


def test_a_client_that_goes_away_frees_no_place_that_is_held(gate):
    async def story(pool):
        task = asyncio.ensure_future(pool.run(time.monotonic() + 60, gate.wait, 30))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadedError):
            await pool.run(time.monotonic() + 60, gate.wait, 30)
        gate.set()

    run(1, 0, story)
