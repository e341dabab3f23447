"""Whatever happens to users, a service that keeps their states answers like one that keeps nothing."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import httpx
import numpy as np
import pytest

from model.condition import Condition
from service.app import create_app
from service.releases import ServedRelease
from tests.model.climber_pilot.worlds import GENRES, small_catalogue, small_retriever
from tests.service.running import fresh, play, settings_for

NOW_S = 1_700_000_000
CATALOGUE = small_catalogue(60)
SIZES = {"max_history": 8, "condition_path": "attention"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two releases of different weights."""
    retrievers = [small_retriever(tmp_path_factory.mktemp("r"), CATALOGUE, seed=seed, **SIZES) for seed in (0, 7)]
    for name, retriever in zip("ab", retrievers, strict=True):
        retriever.release = replace(retriever.release, release_id=name)
    return [ServedRelease(retriever, Condition(), ("genre",)) for retriever in retrievers]


class Worker:
    """One process of the service, asked without a network."""

    def __init__(self, app, client):
        self.service, self.client = app.state.service, client

    async def answer(self, body):
        response = await self.client.post("/recommend", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def ingest(self, events):
        response = await self.client.post("/events", json={"events": events})
        assert response.status_code == 200, response.text

    async def erase(self, user_id):
        assert (await self.client.delete(f"/users/{user_id}/history")).status_code == 200

    def count(self, name, **labels):
        return self.service.telemetry.registry.get_sample_value(name, labels) or 0.0

    async def settle(self):
        """Let what was noticed off the request path be done."""
        for _ in range(500):
            if not self.service.nearline.busy:
                return
            await asyncio.sleep(0.002)
        raise AssertionError("expected the near-line work to end")


@asynccontextmanager
async def working(served, redis_server, tmp_path, **changes):
    app = create_app(settings_for(tmp_path, redis_server.url, stored_history_events=12, **changes))
    worker = Worker(app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service"))
    worker.service.releases.put_in_force(served)
    try:
        yield worker
    finally:
        await worker.client.aclose()
        await worker.service.close()


def check_same(kept, plain):
    """Both answers are one, but for their ids, their clock and the last digits of their scores."""
    for answer in (kept, plain):
        for name in ("request_id", "took_ms"):
            answer.pop(name)
    lists = [[item for group in answer.pop("groups") for item in group["items"]] for answer in (kept, plain)]
    scores = [[item.pop("score") for item in items] for items in lists]
    assert kept == plain
    assert lists[0] == lists[1]
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-5)


class Story:
    """A random life of a few users."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.users = [fresh() for _ in range(5)]
        self.clock_s = {user: NOW_S for user in self.users}

    def event(self):
        """An item and its time; without `late`, after all that is stored."""
        user = self.rng.choice(self.users)
        item = f"track-{self.rng.randrange(64)}"  # the last four are unknown
        if self.rng.random() < 0.2:
            return play(user, item, self.clock_s[user] - self.rng.randrange(4_000))
        self.clock_s[user] += self.rng.randrange(900)
        return play(user, item, self.clock_s[user])

    def events(self):
        return [self.event() for _ in range(self.rng.choice((1, 1, 1, 2, 3, 9)))]

    def body(self):
        rng, user = self.rng, self.rng.choice(self.users)
        genres = rng.sample(GENRES, rng.randrange(3))
        body = {
            "user_id": user,
            "k": 9,
            "group_by_instruction": True,
            "instructions": [{"where": {"genre": {"any": [genre]}}} for genre in genres],
            "request_time_s": NOW_S + 100_000,
            "mode": rng.choice(("strict", "guided")),
            "exclude_seen": rng.random() < 0.7,
        }
        if rng.random() < 0.1:
            body["instructions"] = "standing"
        if rng.random() < 0.25:
            times_s = sorted(self.clock_s[user] + rng.randrange(-2_000, 2_000) for _ in range(rng.randrange(1, 4)))
            body["history"] = [{"item_id": f"track-{rng.randrange(64)}", "event_time_s": one} for one in times_s]
            if rng.random() < 0.4:
                del body["user_id"]
        return body


async def live(story, steps, kept, plain, served):
    """kept: workers with a cache, each seeing a part of the writes; plain: the one without."""
    rng = story.rng
    for _ in range(steps):
        dice = rng.random()
        if dice < 0.35:
            await rng.choice([*kept, plain]).ingest(story.events())
            if rng.random() < 0.5:
                await asyncio.gather(*(worker.settle() for worker in kept))
        elif dice < 0.42:
            await rng.choice([*kept, plain]).erase(rng.choice(story.users))
        elif dice < 0.45:
            release = rng.choice(served)
            for worker in (*kept, plain):
                worker.service.releases.put_in_force(release)
        else:
            bodies = [story.body() for _ in range(rng.choice((1, 1, 3)))]
            bodies += bodies[:1]
            for worker in kept:
                found = await asyncio.gather(*map(worker.answer, bodies), *map(plain.answer, bodies))
                for mine, expected in zip(found[: len(bodies)], found[len(bodies) :], strict=True):
                    check_same(mine, expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_kept_state_is_never_wrong(served, redis_server, tmp_path, seed):
    async def run():
        async with AsyncExitStack() as stack:
            bounds = (1 << 24, 40_000, 0)
            opened = [
                await stack.enter_async_context(working(served[0], redis_server, tmp_path, state_cache_bytes=bound))
                for bound in bounds
            ]
            roomy, tight, plain = opened
            await live(Story(seed), 90, (roomy, tight), plain, served)
            for result in ("hit", "extend", "miss"):
                assert roomy.count("rec_state_cache_total", result=result) > 0
            assert roomy.count("rec_nearline_total", result="extended") > 0
            assert roomy.count("rec_state_cache_evicted_total") == 0
            assert tight.count("rec_state_cache_evicted_total") > 0
            assert tight.count("rec_state_cache_bytes") <= 40_000
            assert plain.count("rec_state_cache_total", result="hit") == plain.count("rec_state_cache_bytes") == 0
            for worker in opened:
                assert worker.count("rec_fallbacks_total", reason="model_error") == 0
                assert worker.count("rec_batch_retries_total") == 0

    asyncio.run(run())


def run_with(served, redis_server, tmp_path, scene):
    async def run():
        async with working(served[0], redis_server, tmp_path) as worker:
            await scene(worker)

    asyncio.run(run())


def test_an_event_is_worked_in_before_the_next_request(served, redis_server, tmp_path):
    user = fresh()

    async def scene(worker):
        await worker.ingest([play(user, f"track-{age}", NOW_S + age) for age in range(3)])
        assert worker.count("rec_nearline_total", result="extended") == 0  # nobody asked for the user yet
        await worker.answer({"user_id": user})
        await worker.ingest([play(user, "track-9", NOW_S + 9)])
        await worker.settle()
        assert worker.count("rec_nearline_total", result="extended") == 1
        await worker.answer({"user_id": user})
        counts = [worker.count("rec_state_cache_total", result=result) for result in ("hit", "extend", "miss")]
        assert counts == [1, 0, 1]

    run_with(served, redis_server, tmp_path, scene)


def test_a_full_pass_off_the_request_path_needs_a_request_in_between(served, redis_server, tmp_path):
    """The oldest event falls out with every new one: nothing can be extended."""
    user = fresh()

    async def scene(worker):
        await worker.ingest([play(user, f"track-{age}", NOW_S + age) for age in range(8)])
        await worker.answer({"user_id": user})
        for age in (8, 9, 10):
            await worker.ingest([play(user, f"track-{age}", NOW_S + age)])
            await worker.settle()
        assert worker.count("rec_nearline_total", result="extended") == 1
        assert worker.count("rec_nearline_total", result="left") == 2

    run_with(served, redis_server, tmp_path, scene)


def test_erasure_empties_the_cache_of_the_user(served, redis_server, tmp_path):
    user = fresh()

    async def scene(worker):
        await worker.ingest([play(user, "track-1", NOW_S)])
        await worker.answer({"user_id": user})
        assert worker.count("rec_state_cache_users") == 1
        await worker.erase(user)
        assert worker.count("rec_state_cache_users") == worker.count("rec_state_cache_bytes") == 0
        assert (await worker.answer({"user_id": user}))["source"] == "cold_start"

    run_with(served, redis_server, tmp_path, scene)


def test_a_history_without_user_is_known_again(served, redis_server, tmp_path):
    body = {"history": [{"item_id": f"track-{age}", "event_time_s": NOW_S + age} for age in range(4)]}

    async def scene(worker):
        for _ in range(3):
            await worker.answer(body)
        assert worker.count("rec_state_cache_total", result="miss") == 1
        assert worker.count("rec_state_cache_total", result="hit") == 2

    run_with(served, redis_server, tmp_path, scene)
