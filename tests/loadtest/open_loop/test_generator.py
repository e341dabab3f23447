"""Requests go out at their moments, whatever the server does, and everything that comes of them is kept."""

import asyncio
import json
import time

import pytest
import uvloop

from loadtest.open_loop.alarm import Alarm
from loadtest.open_loop.generator import Generator, Plan, planned
from loadtest.open_loop.mix import PAGE_REQUESTS
from loadtest.open_loop.schedule import Phase
from loadtest.open_loop.target import COLUMNS_TYPE, Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import Vocabulary
from tests.loadtest.open_loop.small_server import SmallServer, answering

VOCABULARY = Vocabulary({"genre": ("rock", "folk")}, ("i1",))
BODY = b'{"user_id":"u"}'


def on_loop(coroutine):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def send(url, times_s, timeout_s=30.0, path="/recommend"):
    """(records, generator) of requests at these moments."""
    target = Target.of(url)
    zeros, messages = [0] * len(times_s), [target.message(path, BODY, "u")] * len(times_s)
    plan = Plan(times_s, zeros, zeros, messages, ("recommend-0",))

    async def run():
        generator = Generator([target], plan, timeout_s=timeout_s)
        return await generator.run(time.monotonic() + 0.05), generator

    return on_loop(run())


def answers(records):
    return [(int(row["status"]), records.answers[row["answer"]], bool(row["retry_after"])) for row in records.rows]


def test_a_slow_server_does_not_hold_back_the_next_request():
    times_s = [0.0, 0.01, 0.02, 0.03, 0.04]
    with answering(SmallServer(delay_s=0.5)) as url:
        records, generator = send(url, times_s)
    assert answers(records) == [(200, "model", False)] * 5
    # One after the other they would have taken five times as long to send.
    assert (records.rows["sent_s"] >= times_s).all()
    assert records.rows["sent_s"].max() < records.rows["done_s"].min()
    assert (records.from_sending_ms >= 499).all()
    assert (records.latency_ms >= records.from_sending_ms).all()
    assert (generator.pools[0].opened, generator.most_under_way) == (5, 5)


def test_connections_are_used_again():
    with answering(SmallServer()) as url:
        records, generator = send(url, [0.1 * number for number in range(8)])
    assert len(records) == 8
    assert generator.pools[0].opened < 8


def test_a_server_that_closes_after_each_answer_is_asked_on_new_connections():
    server = SmallServer()
    server.keep = False
    with answering(server) as url:
        records, generator = send(url, [0.0, 0.2, 0.4])
    assert answers(records) == [(200, "model", False)] * 3
    assert generator.pools[0].opened == 3


def test_rejects_are_told_from_other_answers():
    with answering(SmallServer(delay_s=0.3, reject_above=2)) as url:
        records, _ = send(url, [0.0] * 6)
    assert sorted(answers(records)) == [(200, "model", False)] * 2 + [(503, "overloaded", True)] * 4
    assert records.rejected.sum() == 4
    assert records.good(10_000).sum() == 2


def test_an_answer_of_the_fallback_is_none_of_the_good_ones():
    with answering(SmallServer(source="fallback")) as url:
        records, _ = send(url, [0.0, 0.0])
    assert answers(records) == [(200, "fallback", False)] * 2
    assert not records.good(10_000).any()


def test_what_takes_too_long_is_given_up_and_counts_with_its_time():
    with answering(SmallServer(delay_s=60)) as url:
        records, _ = send(url, [0.0, 0.1], timeout_s=0.4)
    assert answers(records) == [(0, "timeout", False)] * 2
    assert (records.from_sending_ms >= 399).all()
    assert not records.good(10_000).any()


def test_a_connection_that_breaks_is_an_error_of_its_own():
    class Breaking(SmallServer):
        async def answer(self, *_):
            raise ConnectionError

    with answering(Breaking()) as url:
        records, _ = send(url, [0.0])
    assert answers(records) == [(0, "connection_lost", False)]


def test_where_nothing_listens_no_request_connects():
    records, _ = send("http://127.0.0.1:9", [0.0, 0.1])
    assert answers(records) == [(0, "not_connected", False)] * 2


def test_a_plan_without_requests_ends_at_once():
    records, _ = send("http://127.0.0.1:9", [])
    assert len(records) == 0


def test_a_plan_has_the_rate_that_is_asked_for_in_requests():
    habits = Habits(mix={"page": 0.5, "recommend-1": 0.5}, columns=True)
    target = Target.of("http://host:81/api")
    plan = planned([target], VOCABULARY, habits, [Phase(500, 10)], seed=1, run="r")
    assert len(plan.messages) == pytest.approx(5_000, rel=0.1)
    assert list(plan.times_s) == sorted(plan.times_s)
    pages = [due_s for due_s, kind in zip(plan.times_s, plan.kinds, strict=True) if plan.kind_names[kind] == "page"]
    assert len(pages) == PAGE_REQUESTS * len(set(pages))
    head = plan.messages[0].split(b"\r\n\r\n")[0].decode()
    assert head.startswith("POST /api/recommend HTTP/1.1\r\nhost: host:81\r\n")
    assert f"accept: {COLUMNS_TYPE}" in head


def test_each_user_always_asks_the_same_worker():
    targets = [Target.of(f"http://host:{port}") for port in (81, 82)]
    habits = Habits(users=50, zipf=0)
    plan = planned(targets, VOCABULARY, habits, [Phase(500, 4)], seed=1, run="r")
    asked = {}
    for number, message in zip(plan.targets, plan.messages, strict=True):
        head, body = message.decode().split("\r\n\r\n")
        user_id = json.loads(body)["events"][0]["user_id"] if "/events" in head else json.loads(body)["user_id"]
        assert f"host: host:{81 + number}\r\n" in head
        assert f"x-rec-user: {user_id}\r\n" in head
        asked.setdefault(user_id, set()).add(number)
    assert all(len(numbers) == 1 for numbers in asked.values())
    assert 0.3 < sum(plan.targets) / len(plan.targets) < 0.7


def test_the_connections_of_a_server_take_turns():
    server = SmallServer()
    used = []
    answer = server.answer

    async def noted(path, body):
        used.append(asyncio.current_task())
        return await answer(path, body)

    server.answer = noted
    with answering(server) as url:
        # Three at once open as many connections; one after the other go over each of them.
        _, generator = send(url, [0.0, 0.0, 0.0, *(0.3 + 0.1 * number for number in range(3))])
        assert generator.pools[0].opened == 3
        assert len(set(used[3:])) == 3


def test_an_alarm_rings_once_and_never_early():
    rung = []

    async def run():
        alarm = Alarm(asyncio.get_running_loop(), lambda: rung.append(time.monotonic()))
        due_s = time.monotonic() + 0.0505
        alarm.set(due_s)
        await asyncio.sleep(0.2)
        assert len(rung) == 1
        assert rung[0] >= due_s
        alarm.set(due_s)
        await asyncio.sleep(0.1)
        assert len(rung) == 2
        alarm.set(time.monotonic() + 0.05)
        alarm.close()
        await asyncio.sleep(0.1)

    on_loop(run())
    assert len(rung) == 2
