"""The history store going away: refused, hanging, restarted - an answer in bounded time, never another user's."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.errors import StoreLateError, StoreUnavailableError
from service.store import Store
from service.telemetry import Telemetry
from service.users import UserStore
from tests.service.running import fresh, play, serving, settings_for
from tests.service.test_request import check_problem

NOW_S = 1_700_000_000
TIMEOUT_MS = 300
# What a busy test machine may add to a time limit.
SLACK_S = 3.0


@pytest.fixture
def fragile(release_root, own_redis):
    limits = {"redis_timeout_ms": TIMEOUT_MS, "ingest_timeout_ms": 2 * TIMEOUT_MS}
    with serving(settings_for(release_root, own_redis.url, **limits)) as service:
        yield service


def check_without_store(running, user, history):
    """Every path that needs the store, each within its time limit."""
    started_s = time.monotonic()
    answer = running.answer(user_id=user, history=history, k=5)
    assert answer["source"] == "model"
    assert answer["history_source"] == "body"
    assert [warning["code"] for warning in answer["warnings"]] == ["history_store_unavailable"]
    for response in (
        running.recommend(user_id=user),
        running.client.get(f"/users/{user}/history"),
        running.client.delete(f"/users/{user}/history"),
        running.client.post("/events", json={"events": [play(user, "a", NOW_S)]}),
    ):
        check_problem(response, 503, "history_store_unavailable")
        assert int(response.headers["retry-after"]) >= 1
    assert time.monotonic() - started_s < 7 * TIMEOUT_MS / 1000 + SLACK_S
    assert running.answer(history=history, k=5)["warnings"] == []
    assert running.client.get("/health/ready").status_code == 200


def test_killed_and_started_again(fragile, own_redis, history):
    user = fresh()
    event = play(user, history[0]["item_id"], NOW_S)
    fragile.ingest(event)
    own_redis.stop()
    check_without_store(fragile, user, history)
    assert fragile.metric("rec_history_store_failures_total", operation="fetch") == 3
    own_redis.start()
    # Its scripts are gone with it: the next batch loads them again.
    assert fragile.ingest(event)["accepted"] == 1
    assert fragile.answer(user_id=user)["source"] == "model"


def test_hanging(fragile, own_redis, history):
    user = fresh()
    fragile.ingest(play(user, history[0]["item_id"], NOW_S))
    with own_redis.paused():
        check_without_store(fragile, user, history)
        with ThreadPoolExecutor(24) as pool:
            started_s = time.monotonic()
            answers = list(pool.map(lambda _: fragile.answer(user_id=user, history=history, k=5), range(24)))
            assert time.monotonic() - started_s < TIMEOUT_MS / 1000 + SLACK_S
        assert {answer["history_source"] for answer in answers} == {"body"}
    assert fragile.answer(user_id=user)["history_source"] == "store"


def test_a_deadline_shorter_than_the_stores_patience(fragile, own_redis):
    user = fresh()
    with own_redis.paused():
        answer = fragile.answer(user_id=user, deadline_ms=60, k=5)
    assert (answer["source"], answer["source_reason"], len(answer["items"])) == ("fallback", "deadline", 5)
    assert [warning["code"] for warning in answer["warnings"]] == ["history_not_read"]


def test_late_answers_never_reach_another_user(own_redis, tmp_path):
    """Calls given up at random moments leave no connection out of step."""
    settings = settings_for(tmp_path, own_redis.url, max_concurrent_requests=500)
    users = [f"user-{number}" for number in range(20)]
    with own_redis.client() as client:
        for user in users:
            client.rpush(f"rec:user:{{{user}}}:history", (7).to_bytes(8, "big") + f"item of {user}".encode())

    async def read_all():
        store = Store(settings, Telemetry())
        users_of_store = UserStore(store, settings)
        rng, late, right = random.Random(1), 0, 0

        async def read(user):
            nonlocal late, right
            try:
                found = await users_of_store.fetch(user, within_s=rng.random() * 0.002)
            except StoreLateError:
                late += 1
            else:
                assert [event.item_id for event in found.history] == [f"item of {user}"]
                right += 1

        for _ in range(60):
            tasks = [asyncio.create_task(read(rng.choice(users))) for _ in range(8)]
            if rng.random() < 0.3:
                await asyncio.sleep(rng.random() * 0.001)
                tasks[0].cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            for outcome in outcomes:
                assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        await store.close()
        return late, right

    late, right = asyncio.run(read_all())
    assert late > 0
    assert right > 0


def test_errors_of_redis_are_one_error(own_redis, tmp_path):
    settings = settings_for(tmp_path, own_redis.url)
    with own_redis.client() as client:
        client.set("text", "x")

    async def push():
        store = Store(settings, Telemetry())
        try:
            with pytest.raises(StoreUnavailableError):
                await store.call("fetch", store.redis.lrange("text", 0, -1), 5)
        finally:
            await store.close()

    asyncio.run(push())
