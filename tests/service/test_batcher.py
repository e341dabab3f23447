"""The batcher before a model whose turn and moods the test decides."""

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from model.climber_pilot.inference import RetrievalRequest
from model.climber_pilot.user_state import UserState
from model.condition import Condition
from service.batcher import Batcher
from service.errors import OverloadedError
from service.history import UsedHistory
from service.releases import Releases
from service.state_cache import CachedUser, StateCache
from service.telemetry import Telemetry
from tests.service.running import settings_for

POISON = 13


class Model:
    """Answers every request with its top_k; a history of POISON breaks any batch it is in."""

    def __init__(self):
        self.encoded, self.batches, self.threads, self.takes_s = [], [], [], 0.0
        self.go = threading.Event()
        self.go.set()

    def states(self, histories, previous):
        assert self.go.wait(30)
        if any(POISON in history.rows for history in histories):
            raise RuntimeError("poison")
        self.encoded.append(len(histories))
        return [
            UserState(history.rows, history.time_s) if before is None or before.rows is not history.rows else before
            for history, before in zip(histories, previous, strict=True)
        ]

    def retrieve(self, requests):
        assert self.go.wait(30)
        self.threads.append(threading.current_thread().name)
        busy_until_s = time.thread_time() + self.takes_s
        while time.thread_time() < busy_until_s:
            pass
        self.batches.append([request.top_k for request in requests])
        for request in requests:
            assert np.array_equal(request.state.rows, request.history.rows)
        return [[request.top_k] for request in requests]


class Bench:
    """A batcher with everything it needs, and requests for it."""

    def __init__(self, tmp_path, **changes):
        settings = settings_for(tmp_path, "unix:///nowhere", **changes)
        self.telemetry = Telemetry()
        self.releases = Releases(settings, self.telemetry)
        self.cache = StateCache(1 << 20, self.telemetry)
        self.cache.serve(frozenset({"r"}))
        self.batcher = Batcher(settings, self.telemetry, self.releases, self.cache)
        self.model = Model()
        self.served = SimpleNamespace(retriever=self.model)

    def user(self, key="u", rows=(1, 2)):
        rows = np.array(rows, dtype=np.int64)
        used = UsedHistory((), rows, np.arange(len(rows)), "store", {})
        return self.cache.put("r", CachedUser(key, b"1", used), self.cache.erasures)

    def ask(self, number, user, history=None, served=None, within_s=30.0):
        history = history or user.history
        state = user.state if user.state_of is history else None
        asked = RetrievalRequest(history.past, (Condition(),), number, state=state)
        return self.batcher.ask(served or self.served, asked, history, user, time.monotonic() + within_s)

    def metric(self, name, **labels):
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path, max_batch=4, max_queue=6)
    yield bench
    bench.model.go.set()
    bench.releases.close()


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_who_comes_while_the_model_is_busy_is_in_the_next_batch(bench):
    async def run():
        bench.model.go.clear()
        first = bench.ask(0, bench.user("a"))
        await turns()
        later = [bench.ask(number, bench.user(f"b{number}")) for number in range(1, 7)]
        bench.model.go.set()
        return await asyncio.gather(first, *later)

    assert asyncio.run(run()) == [[number] for number in range(7)]
    assert bench.model.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert bench.model.encoded == [1, 4, 2]
    assert bench.metric("rec_batch_requests_count") == 3
    assert bench.metric("rec_batch_requests_sum") == 7
    assert bench.metric("rec_queue_wait_seconds_count") == 3


def test_beyond_the_queue_nobody_waits(bench):
    async def run():
        bench.model.go.clear()
        held = [bench.ask(0, bench.user())]
        await turns()
        held += [bench.ask(number, bench.user()) for number in range(1, 7)]
        with pytest.raises(OverloadedError):
            bench.ask(7, bench.user())
        bench.model.go.set()
        return await asyncio.gather(*held)

    assert len(asyncio.run(run())) == 7


def test_what_is_late_is_not_computed(bench):
    async def run():
        bench.model.go.clear()
        running = bench.ask(0, bench.user(), within_s=0.05)
        await turns()
        late, gone, patient = (bench.ask(n, bench.user(), within_s=s) for n, s in ((1, 0.05), (2, 30), (3, 30)))
        gone.cancel()
        for future in (running, late):
            with pytest.raises(TimeoutError):
                await future
        bench.model.go.set()
        return await patient

    assert asyncio.run(run()) == [3]
    assert bench.model.batches == [[0], [3]]


def test_a_request_that_breaks_the_model_fails_alone(bench):
    async def run():
        asked = [bench.ask(n, bench.user(f"u{n}", rows)) for n, rows in enumerate([(1,), (POISON,), (2, 3), (4,)])]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(run())
    assert isinstance(answers[1], RuntimeError)
    assert [answers[0], *answers[2:]] == [[0], [2], [3]]
    assert bench.metric("rec_batch_retries_total") == 1


def test_one_pass_for_all_of_a_users_requests_and_none_once_it_is_kept(bench):
    async def run():
        user, other = bench.user("u"), bench.user("v", (5,))
        await asyncio.gather(bench.ask(0, user), bench.ask(1, other), bench.ask(2, user))
        assert bench.model.encoded == [2]
        assert user.current is not None
        await bench.ask(3, user)

    asyncio.run(run())
    assert bench.model.encoded == [2]
    assert bench.metric("rec_state_cache_total", result="miss") == 3
    assert bench.metric("rec_state_cache_total", result="hit") == 1


def test_a_state_that_was_computed_while_a_request_waited_is_used(bench):
    async def run():
        user = bench.user()
        bench.model.go.clear()
        first = bench.ask(0, user)
        await turns()
        second = bench.ask(1, user)
        bench.model.go.set()
        await asyncio.gather(first, second)

    asyncio.run(run())
    assert bench.metric("rec_state_cache_total", result="miss") == 1
    assert bench.metric("rec_state_cache_total", result="hit") == 1


def test_the_state_of_a_stored_history_outlives_bodies_that_add_to_it(bench):
    merged = UsedHistory((), np.array([1, 2, 3]), np.arange(3), "both", {})
    longer = UsedHistory((), np.array([1, 2, 3, 4]), np.arange(4), "both", {})

    async def run():
        user = bench.user("u")
        for history in (merged, longer):  # better than nothing
            await bench.ask(0, user, history)
            assert (user.state_of, user.current) == (history, None)
        await bench.ask(0, user)
        kept = user.current
        await bench.ask(0, user, merged)
        assert user.current is kept is not None

    asyncio.run(run())


def test_a_batch_is_of_one_release(bench):
    other = SimpleNamespace(retriever=Model())

    async def run():
        user = bench.user()
        asked = [bench.ask(number, user, served=other if number == 1 else None) for number in range(3)]
        return await asyncio.gather(*asked)

    assert asyncio.run(run()) == [[0], [1], [2]]
    assert bench.model.batches == [[0], [2]]
    assert other.retriever.batches == [[1]]


def test_a_state_wanted_for_its_own_sake_waits_for_everyone(bench):
    async def run():
        user = bench.user("n")
        bench.model.go.clear()
        first = bench.ask(0, bench.user("a"))
        await turns()
        wanted = asyncio.ensure_future(bench.batcher.encode(bench.served, user))
        await turns()
        second = bench.ask(1, bench.user("b"))
        bench.model.go.set()
        await first
        await second
        assert user.state is None
        await wanted
        assert user.current is not None

    asyncio.run(run())
    assert bench.model.batches == [[0], [1]]
    assert bench.model.encoded == [1, 1, 1]
    assert bench.metric("rec_batch_requests_sum") == 2


def test_quick_answers_from_kept_states_need_no_thread(tmp_path):
    bench = Bench(tmp_path, inline_ms=200)

    async def run():
        user = bench.user()
        for number in range(4):  # a cold one, a warm one to learn from, two without the thread
            assert await bench.ask(number, user) == [number]
        bench.model.takes_s = 0.21
        await bench.ask(4, user)
        bench.model.takes_s = 0.0
        await bench.ask(5, user)  # slow once: on the thread again

    asyncio.run(run())
    bench.releases.close()
    assert [name.startswith("model") for name in bench.model.threads] == [True, True, False, False, False, True]


def test_more_quick_answers_than_go_at_once_take_turns_without_the_thread(tmp_path):
    bench = Bench(tmp_path, inline_ms=600)

    async def run():
        user = bench.user()
        await bench.ask(0, user)
        bench.model.takes_s = 0.2
        await bench.ask(1, user)
        bench.model.takes_s = 0.0
        return await asyncio.gather(*(bench.ask(n, user if n != 6 else bench.user("cold")) for n in range(2, 8)))

    assert asyncio.run(run()) == [[number] for number in range(2, 8)]
    bench.releases.close()
    sizes = [len(batch) for batch in bench.model.batches]
    threads = [name.startswith("model") for name in bench.model.threads]
    assert sizes[2] <= 2  # of 200 ms each
    assert threads == [True, True, *[False] * (len(sizes) - 3), True]
    assert bench.model.batches[-1] == [6, 7]
