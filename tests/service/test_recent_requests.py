import logging
import time

from service.history_codec import HistoryEvent
from service.instructions import Instruction
from service.recent_requests import MAX_AGE_S, MAX_EVENTS, SPACING_S, RecentRequests
from tests.service.running import fresh, play, serving, settings_for

EVENTS = (HistoryEvent("a", 1), HistoryEvent("b", 2))
ROCK = Instruction("rock", where={"genre": {"any": ["rock"]}})


def noted(requests, *users, start_s=None):
    start_s = time.monotonic() if start_s is None else start_s
    for number, user_id in enumerate(users):
        requests.note(user_id, EVENTS, [ROCK], 20, start_s + number * 2 * SPACING_S)


def users_of(requests):
    return [one.user_id for one in requests.sample()]


def test_the_newest_are_kept_in_the_clients_words():
    requests = RecentRequests(2)
    noted(requests, "first", "second", None)
    assert users_of(requests) == ["second", None]
    kept = requests.sample()[0]
    assert (kept.events, kept.conditions, kept.top_k) == (EVENTS, ({"genre": {"any": ["rock"]}},), 20)


def test_a_burst_is_one_and_a_long_history_is_cut():
    requests = RecentRequests(10)
    now_s = time.monotonic()
    for number in range(50):
        requests.note(str(number), EVENTS * MAX_EVENTS, [], 20, now_s + number * SPACING_S / 100)
    assert users_of(requests) == ["0"]
    assert len(requests.sample()[0].events) == MAX_EVENTS


def test_nothing_is_kept_where_there_is_no_gate_or_no_history():
    requests = RecentRequests(0)
    noted(requests, "user")
    assert users_of(requests) == []
    requests = RecentRequests(5)
    requests.note("user", (), [ROCK], 20, time.monotonic())
    assert users_of(requests) == []


def test_an_erased_user_goes_and_does_not_come_back_with_what_was_read_before():
    requests = RecentRequests(10)
    noted(requests, "gone", "other", "gone")
    requests.forget("gone")
    noted(requests, "gone", "another", start_s=time.monotonic() + 10)
    assert users_of(requests) == ["other", "another"]


def test_old_ones_go():
    requests = RecentRequests(10)
    noted(requests, "old", start_s=time.monotonic() - MAX_AGE_S - 1)
    noted(requests, "new")
    assert users_of(requests) == ["new"]


def test_a_service_keeps_requests_until_the_user_is_erased(release_root, redis_server, history, caplog):
    user = fresh("secretuser")
    with caplog.at_level(logging.DEBUG), serving(settings_for(release_root, redis_server.url)) as running:
        running.ingest(*(play(user, event["item_id"], event["event_time_s"]) for event in history))
        running.answer(user_id=user, k=5)
        recent = running.service.pipeline.recent
        assert [(one.user_id, len(one.events)) for one in recent.sample()] == [(user, len(history))]
        assert running.client.delete(f"/users/{user}/history").status_code == 200
        assert recent.sample() == []
    # Neither of us says more than the client library that made the request.
    assert not [
        record
        for record in caplog.records
        if user in record.getMessage() and "httpx" not in record.name and "httpcore" not in record.name
    ]
