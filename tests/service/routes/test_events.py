"""POST /events over HTTP against a plain model of what a history is."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.standing import attribute_values, top_values
from service.users import EVENT_STREAM
from tests.service.running import fresh, play, serving, settings_for
from tests.service.test_request import check_problem

NOW_S = 1_700_000_000
HISTORY_EVENTS, WINDOW_EVENTS = 12, 5


def stored(running, user):
    response = running.client.get(f"/users/{user}/history")
    assert response.status_code == 200
    return response.json()


def items_of(running, user):
    return [event["item_id"] for event in stored(running, user)["events"]]


def stream_of(redis_server, user):
    with redis_server.client() as client:
        entries = [fields for _, fields in client.xrange(EVENT_STREAM)]
    return [fields for fields in entries if fields[b"user_id"] == user.encode()]


def test_events_become_a_history_and_a_stream(running, redis_server):
    user, item = fresh(), running.catalogue.item_ids[3]
    event = play(user, item, NOW_S, type="like", request_id="r-1")
    assert running.ingest(event) == {"accepted": 1, "duplicates": 0, "unknown_items": 0}
    assert stored(running, user)["events"] == [{"item_id": item, "event_time_s": NOW_S}]
    (entry,) = stream_of(redis_server, user)
    assert {name.decode(): value.decode() for name, value in entry.items()} == {
        "kind": "event",
        **{name: str(value) for name, value in event.items()},
    }


def test_an_event_counts_once(running, redis_server):
    user, item = fresh(), running.catalogue.item_ids[3]
    event = play(user, item, NOW_S)
    assert running.ingest(event, event)["duplicates"] == 1
    assert running.ingest(event) == {"accepted": 0, "duplicates": 1, "unknown_items": 0}
    changed = {**event, "item_id": running.catalogue.item_ids[4]}
    assert running.ingest(changed)["duplicates"] == 1
    assert items_of(running, user) == [item]
    assert len(stream_of(redis_server, user)) == 1


def test_the_same_batch_sent_by_many_at_once_counts_once(running):
    users = [fresh() for _ in range(5)]
    batch = [
        play(user, item, NOW_S + age) for user in users for age, item in enumerate(running.catalogue.item_ids[:20])
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: running.ingest(*batch), range(8)))
    assert sum(answer["accepted"] for answer in answers) == 100
    for user in users:
        assert items_of(running, user) == running.catalogue.item_ids[:20]


def test_unknown_items_are_kept_and_counted(running, redis_server):
    user = fresh()
    assert running.ingest(play(user, "not yet released", NOW_S)) == {
        "accepted": 1,
        "duplicates": 0,
        "unknown_items": 1,
    }
    assert items_of(running, user) == ["not yet released"]
    assert len(stream_of(redis_server, user)) == 1
    assert running.answer(user_id=user, k=3)["source"] == "cold_start"


def test_late_events_take_their_place(running):
    user, ids = fresh(), running.catalogue.item_ids
    running.ingest(play(user, ids[0], NOW_S), play(user, ids[1], NOW_S + 100))
    running.ingest(play(user, ids[2], NOW_S + 50), play(user, ids[3], NOW_S - 50), play(user, ids[4], NOW_S))
    assert items_of(running, user) == [ids[3], ids[0], ids[4], ids[2], ids[1]]


def test_one_bad_event_refuses_the_batch(running, redis_server):
    user, item = fresh(), running.catalogue.item_ids[0]
    good = play(user, item, NOW_S)
    for bad, code in (
        (play(user, item, int(time.time()) + 3600), "time_in_future"),
        (play(user, item, -1), "greater_than_equal"),
        (play(user, item, 1.5), "int_type"),
    ):
        response = running.client.post("/events", json={"events": [good, bad]})
        assert check_problem(response, 422, "invalid_request") == {"events.1.event_time_s": code}
    assert stored(running, user)["events"] == []
    assert stream_of(redis_server, user) == []
    assert running.ingest(good)["accepted"] == 1


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"event_id": ""}, "events.0.event_id", "string_too_short"),
        ({"event_id": "e" * 201}, "events.0.event_id", "string_too_long"),
        ({"user_id": "\0"}, "events.0.user_id", "string_pattern_mismatch"),
        ({"item_id": None}, "events.0.item_id", "string_type"),
        ({"type": ""}, "events.0.type", "string_too_short"),
        ({"request_id": "r" * 129}, "events.0.request_id", "string_too_long"),
        ({"rating": 5}, "events.0.rating", "unknown_field"),
    ],
)
def test_bad_fields(running, change, field, code):
    response = running.client.post("/events", json={"events": [{**play("u", "i", 1), **change}]})
    assert check_problem(response, 422, "invalid_request") == {field: code}


def test_batch_sizes(running):
    user, item = fresh(), running.catalogue.item_ids[0]
    batch = [play(fresh() if number % 2 else user, item, NOW_S + number) for number in range(1_000)]
    assert running.ingest(*batch)["accepted"] == 1_000
    response = running.client.post("/events", json={"events": [*batch, play(user, item, NOW_S)]})
    assert check_problem(response, 422, "invalid_request") == {"events": "too_long"}
    assert check_problem(running.client.post("/events", json={"events": []}), 422, "invalid_request") == {
        "events": "too_short"
    }


def test_counted(running):
    before = (
        running.metric("rec_events_total", result="accepted"),
        running.metric("rec_events_total", result="duplicate"),
    )
    event = play(fresh(), running.catalogue.item_ids[0], NOW_S)
    running.ingest(event, event)
    after = (
        running.metric("rec_events_total", result="accepted"),
        running.metric("rec_events_total", result="duplicate"),
    )
    assert after == (before[0] + 1, before[1] + 1)


@pytest.fixture(scope="module")
def short_memory(release_root, redis_server):
    """A service that keeps few events, so that what falls off is tested."""
    limits = {"stored_history_events": HISTORY_EVENTS, "standing_window_events": WINDOW_EVENTS, "standing_top_p": 3}
    with serving(settings_for(release_root, redis_server.url, **limits)) as service:
        yield service


# Few times and few ids, so that ties, late events and repeats are the rule.
batches = st.lists(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 399), st.integers(0, 9)), min_size=1, max_size=15),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(batches)
def test_any_batches_in_any_order_make_the_history_that_their_times_say(short_memory, sent):
    user, seen, history, window = fresh(), set(), [], []
    catalogue = short_memory.catalogue
    attributes = short_memory.service.releases.served.standing_attributes
    for batch in sent:
        events = [
            {**play(user, catalogue.item_ids[item], NOW_S + when), "event_id": f"{user}-{number}"}
            for number, item, when in batch
        ]
        new = {}
        for event in events:
            if event["event_id"] not in seen:
                new.setdefault(event["event_id"], event)
        answer = short_memory.ingest(*events)
        assert answer == {"accepted": len(new), "duplicates": len(events) - len(new), "unknown_items": 0}
        seen |= set(new)
        ordered = sorted(new.values(), key=lambda event: event["event_time_s"])
        history = sorted(history + ordered, key=lambda event: event["event_time_s"])[-HISTORY_EVENTS:]
        window = sorted(window + ordered, key=lambda event: event["event_time_s"])[-WINDOW_EVENTS:]
    document = stored(short_memory, user)
    assert document["events"] == [{name: one[name] for name in ("item_id", "event_time_s")} for one in history]
    counted = [attribute_values(catalogue, attributes, event["item_id"]) for event in window]
    standing = [(one["attribute"], one["value"]) for one in document["standing_instructions"]]
    assert standing == top_values(counted, 3)
