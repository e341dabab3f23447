"""The log of exposures: what is in it, what stays out, and that no request waits for it."""

import time

import orjson
import pytest

from service.experiment import share_of
from service.exposures import EXPOSURE_STREAM, SAMPLE_SALT
from tests.service.running import fresh, play, serving, settings_for, wait_until

NOW_S = 1_700_100_000
EXPERIMENT = {
    "name": "logged",
    "arms": [
        {"name": "plain", "share": 0.5},
        {"name": "drawn", "share": 0.5, "exploration": {"temperature": 0.3, "candidates": 40}},
    ],
}


@pytest.fixture(scope="module")
def logged(release_root, redis_server):
    with serving(settings_for(release_root, redis_server.url, experiment=EXPERIMENT)) as running:
        yield running


def user_of(running, arm):
    user = fresh()
    while running.service.settings.experiment.arm_of(user).name != arm:
        user = fresh()
    running.ingest(*(play(user, item, NOW_S + age) for age, item in enumerate(running.catalogue.item_ids[:30:3])))
    return user


def records_of(redis_server, user):
    with redis_server.client() as client:
        entries = client.xrange(EXPOSURE_STREAM)
    found = [orjson.loads(fields[b"record"]) for _, fields in entries]
    return [record for record in found if record["user_id"] == user]


def written(redis_server, user, number):
    wait_until(lambda: len(records_of(redis_server, user)) == number)
    return records_of(redis_server, user)


@pytest.mark.parametrize("arm", ["plain", "drawn"])
def test_an_answer_is_logged_as_it_was_shown(logged, redis_server, arm):
    user = user_of(logged, arm)
    where = {"genre": {"any": [logged.catalogue.attributes["genre"].values[0]]}}
    answer = logged.answer(user_id=user, k=6, instructions=[{"where": where}])
    (record,) = written(redis_server, user, 1)
    assert record["items"] == [item["item_id"] for item in answer["items"]]
    assert record["scores"] == [item["score"] for item in answer["items"]]
    assert (record["compliant"], record["instruction"]) == ([True] * 6, [0] * 6)
    assert record["instructions"] == answer["instructions"]
    for name in ("request_id", "arm", "release", "source", "mode"):
        assert record[name] == answer[name]
    told = record["experiment"], record["meant_arm"], record["assigned_by"], record["arm_probability"]
    assert told == ("logged", arm, "user_id", 0.5)
    assert (record["k"], record["grouped"], record["latency_ms"]) == (6, False, answer["took_ms"])
    assert abs(record["time_s"] - time.time()) < 60
    if arm == "plain":
        assert (record["propensities"], record["candidates"]) == (None, None)
    else:
        assert record["candidates"] == [*range(record["candidates"][0], record["candidates"][0] - 6, -1)]
        assert all(0 < one <= 1 for one in record["propensities"])


def test_an_erased_user_is_gone_from_the_log_and_stays_out(logged, redis_server):
    user, other = user_of(logged, "plain"), user_of(logged, "plain")
    for one in (user, user, other):
        logged.answer(user_id=one)
    written(redis_server, user, 2)
    erased = logged.metric("rec_exposures_total", result="erased")
    logged.answer(user_id=user)  # not written yet
    deleted = logged.client.delete(f"/users/{user}/history").json()
    assert deleted["deleted_exposures"] == 2
    logged.answer(user_id=user)  # what was under way elsewhere
    wait_until(lambda: logged.metric("rec_exposures_total", result="erased") == erased + 2)
    assert (records_of(redis_server, user), len(records_of(redis_server, other))) == ([], 1)
    with redis_server.client() as client:
        assert not [key for key in client.scan_iter(count=1000) if user.encode() in key]


def test_a_sample_is_of_users_and_the_same_everywhere(release_root, redis_server):
    settings = settings_for(release_root, redis_server.url, exposure_share=0.5)
    with serving(settings) as running:
        users = [fresh() for _ in range(30)]
        for user in users:
            running.answer(user_id=user)
            running.answer(user_id=user)
        sampled = [user for user in users if share_of(SAMPLE_SALT, user) < 0.5]
        assert 3 < len(sampled) < 27
        for user in users:
            written(redis_server, user, 2 if user in sampled else 0)
        (record, _) = records_of(redis_server, sampled[0])
        assert "arm" not in record  # no experiment, no arm


def test_without_an_experiment_nothing_is_logged(running):
    user = fresh()
    answer = running.answer(user_id=user)
    assert (answer["arm"], answer["arm_assigned_by"]) == (None, None)
    assert len(running.service.exposures) == 0


def test_a_store_that_hangs_or_is_gone_costs_no_answer(release_root, own_redis):
    limits = {"redis_timeout_ms": 100, "ingest_timeout_ms": 300, "exposure_queue": 3}
    with serving(settings_for(release_root, own_redis.url, experiment=EXPERIMENT, **limits)) as running:
        items = [{"item_id": item, "event_time_s": NOW_S} for item in running.catalogue.item_ids[:3]]
        with own_redis.paused():
            for _ in range(8):
                assert running.answer(history=items)["source"] == "model"
            wait_until(lambda: running.metric("rec_exposures_total", result="failed") >= 1)
        assert running.metric("rec_exposures_total", result="dropped") >= 1
        own_redis.stop()
        assert running.answer(history=items)["source"] == "model"


def test_the_stream_is_bounded(release_root, own_redis):
    settings = settings_for(release_root, own_redis.url, experiment=EXPERIMENT, exposure_stream_requests=100)
    with serving(settings) as running, own_redis.client() as client:
        user = user_of(running, "plain")
        for _ in range(400):
            running.answer(user_id=user, k=1)
        wait_until(lambda: running.metric("rec_exposures_total", result="written") == 400)
        assert client.xlen(EXPOSURE_STREAM) < 300  # Redis drops whole nodes of 100
        key = next(one for one in client.scan_iter() if one.startswith(b"rec:user:") and one.endswith(b":exposures"))
        assert client.llen(key) <= 100
        assert 0 < client.ttl(key) <= settings.exposure_retention_s
