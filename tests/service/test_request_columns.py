"""The columnar media type over HTTP: the same question, the same answer, the same faults."""

import time

import pytest

from service.media_types import COLUMNS
from tests.service.test_request import check_problem


def as_columns(history):
    return {
        name: [event[entry] for event in history]
        for name, entry in (("item_ids", "item_id"), ("event_times_s", "event_time_s"))
    }


def ask(running, body, accept=COLUMNS):
    headers = {"content-type": COLUMNS} | ({"accept": accept} if accept else {})
    return running.client.post("/recommend", json=body, headers=headers)


def test_columns_in_and_out(running, history):
    genres = running.catalogue.attributes["genre"].values[:2]
    rest = {"k": 30, "instructions": [{"where": {"genre": {"any": [value]}}} for value in genres]}
    plain = running.answer(history=history, **rest)
    response = ask(running, {"history": as_columns(history), **rest})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == COLUMNS
    columns = response.json()
    assert columns["item_ids"] == [item["item_id"] for item in plain["items"]]
    assert columns["scores"] == [item["score"] for item in plain["items"]]
    assert columns["instruction"] == [item["instruction"] for item in plain["items"]]
    assert columns["history_events_used"] == len(history)
    assert len(response.content) < 4000
    mixed = ask(running, {"history": as_columns(history), **rest}, accept=None)
    assert mixed.headers["content-type"] == "application/json"
    assert mixed.json()["items"] == plain["items"]


def test_columns_without_a_history(running):
    assert ask(running, {"k": 3}).json()["source_reason"] == "no_history"
    assert ask(running, {"k": 3, "history": None}).json()["list_lengths"] == [3]


@pytest.mark.parametrize(
    ("history", "field", "code"),
    [
        ({"item_ids": ["a"], "event_times_s": []}, "history", "columns_differ"),
        ({"item_ids": ["a", ""], "event_times_s": [1, 2]}, "history.item_ids.1", "string_too_short"),
        ({"item_ids": ["a", "b"], "event_times_s": [1, -2]}, "history.event_times_s.1", "greater_than_equal"),
        ({"item_ids": ["a", "b"], "event_times_s": [1, 4e12]}, "history.event_times_s.1", "less_than_equal"),
        ({"item_ids": ["a"] * 10_001, "event_times_s": [1] * 10_001}, "history", "too_long"),
        ([{"item_id": "a", "event_time_s": 1}], "history", "model_type"),
    ],
)
def test_faults_are_named_as_the_client_sent_them(running, history, field, code):
    faults = check_problem(ask(running, {"history": history}), 422, "invalid_request")
    assert faults == {field: code}


def test_future_times(running):
    history = {"item_ids": ["a", "b"], "event_times_s": [1, int(time.time()) + 3600]}
    faults = check_problem(ask(running, {"history": history}), 422, "invalid_request")
    assert faults == {"history.event_times_s.1": "time_in_future"}


def test_limits_hold_for_both_forms(running):
    assert check_problem(ask(running, {"k": 501}), 422, "invalid_request") == {"k": "less_than_equal"}


def test_an_answer_that_cannot_be_accepted(running, history):
    response = running.client.post("/recommend", json={"history": history}, headers={"accept": "text/html"})
    check_problem(response, 406, "not_acceptable")


def test_events_do_not_take_columns(running):
    response = running.client.post("/events", content=b"{}", headers={"content-type": COLUMNS})
    check_problem(response, 415, "unsupported_media_type")
