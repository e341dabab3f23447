"""Recent requests: a bounded sample in memory that forgets whom it is told to forget."""

import time

from service.history_codec import HistoryEvent
from service.instructions import Instruction
from service.recent_requests import MAX_AGE_S, MAX_EVENTS, SPACING_S, RecentRequests

EVENTS = (HistoryEvent("a", 1), HistoryEvent("b", 2))


def users(recent):
    return [request.user_id for request in recent.sample()]


def filled(names, max_requests=10):
    recent = RecentRequests(max_requests)
    start_s = time.monotonic()
    for number, name in enumerate(names):
        recent.note(name, EVENTS, [], 10, start_s + 2 * SPACING_S * number)
    return recent


def test_the_newest_are_kept_in_the_clients_words():
    recent = RecentRequests(2)
    where = {"genre": {"any": ["rock"]}}
    for number in range(3):
        events = tuple(HistoryEvent("a", second) for second in range(MAX_EVENTS + number))
        recent.note(f"u{number}", events, [Instruction("rock", where=where)], 5, time.monotonic() + number)
    assert users(recent) == ["u1", "u2"]
    last = recent.sample()[-1]
    assert (last.conditions, last.top_k, len(last.events)) == ((where,), 5, MAX_EVENTS)
    assert last.events[-1].event_time_s == MAX_EVENTS + 1


def test_a_busy_moment_does_not_fill_it():
    recent = RecentRequests(10)
    now_s = time.monotonic()
    for number in range(5):
        recent.note(f"u{number}", EVENTS, [], 10, now_s + number * SPACING_S / 4)
    assert users(recent) == ["u0", "u4"]


def test_an_erased_user_is_gone_and_does_not_come_back():
    recent = filled(["u0", "u1", "u0", "u2"])
    recent.forget("u0")
    assert users(recent) == ["u1", "u2"]
    recent.note("u0", EVENTS, [], 10, time.monotonic() + 100)
    assert users(recent) == ["u1", "u2"]


def test_nothing_is_kept_for_long_nor_without_a_history_nor_where_none_is_wanted():
    recent = RecentRequests(10)
    recent.note("old", EVENTS, [], 10, time.monotonic() - MAX_AGE_S - 1)
    recent.note("empty", (), [], 10, time.monotonic())
    assert users(recent) == []
    assert users(filled(["u0"], max_requests=0)) == []
