"""Every kind of bad input over HTTP: the status, the code and the field it names."""

import time

import pytest

from tests.service.running import serving, settings_for

ITEM = {"item_id": "a", "event_time_s": 1}


def check_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == response.headers["x-request-id"]
    return {fault["field"]: fault["code"] for fault in document["errors"]}


def where(**clauses):
    return {"instructions": [{"where": clauses}]}


FIELDS = [
    ({"k": 0}, "k", "greater_than_equal"),
    ({"k": 501}, "k", "less_than_equal"),
    ({"k": "20"}, "k", "int_type"),
    ({"k": True}, "k", "int_type"),
    ({"k": None}, "k", "int_type"),
    ({"mode": "soft"}, "mode", "literal_error"),
    ({"limit": 3}, "limit", "unknown_field"),
    ({"user_id": ""}, "user_id", "string_too_short"),
    ({"user_id": "u" * 201}, "user_id", "string_too_long"),
    ({"user_id": "u\0"}, "user_id", "string_pattern_mismatch"),
    ({"user_id": 7}, "user_id", "string_type"),
    ({"exclude": ["a", "\0"]}, "exclude.1", "string_pattern_mismatch"),
    ({"exclude": "a"}, "exclude", "list_type"),
    ({"deadline_ms": 0}, "deadline_ms", "greater_than_equal"),
    ({"deadline_ms": 10_001}, "deadline_ms", "less_than_equal"),
    ({"history": [ITEM, {"item_id": "b"}]}, "history.1.event_time_s", "missing"),
    ({"history": [{"item_id": "a", "event_time_s": -1}]}, "history.0.event_time_s", "greater_than_equal"),
    ({"history": [{"item_id": "a", "event_time_s": 10**30}]}, "history.0.event_time_s", "less_than_equal"),
    ({"history": [ITEM] * 10_001}, "history", "too_long"),
    ({"instructions": [{"where": {}}] * 17}, "instructions", "too_long"),
    ({"instructions": "standin"}, "instructions", "literal_error"),
    ({"instructions": 5}, "instructions", "list_type"),
    ({"instructions": [{}]}, "instructions.0.where", "missing"),
    ({"instructions": [{"where": {}, "quota": -1}]}, "instructions.0.quota", "greater_than_equal"),
    ({"instructions": [{"where": {}, "name": ""}]}, "instructions.0.name", "string_too_short"),
    ({"k": 3, "instructions": [{"where": {}, "quota": 2}] * 2}, "instructions", "quota_exceeds_k"),
    (
        {"group_by_instruction": True, "instructions": [{"where": {}, "quota": 2}]},
        "instructions.0.quota",
        "quota_in_groups",
    ),
    (where(**{"": {"any": ["rock"]}}), "instructions.0.where.", "string_too_short"),
    (where(**{"\0": {"any": ["rock"]}}), "instructions.0.where.\0", "unknown_attribute"),
    (where(genre={}), "instructions.0.where.genre", "empty_clause"),
    (where(genre={"any": []}), "instructions.0.where.genre.any", "too_short"),
    (where(genre={"some": ["rock"]}), "instructions.0.where.genre.some", "unknown_field"),
    (where(genre={"any": "rock"}), "instructions.0.where.genre.any", "list_type"),
    (where(genre={"any": None}), "instructions.0.where.genre.any", "list_type"),
    (where(mood={"any": ["sad"]}), "instructions.0.where.mood", "unknown_attribute"),
    (where(genre={"any": ["rock", "polka"]}), "instructions.0.where.genre.any", "unknown_value"),
    (where(genre={"all": ["rock"], "none": ["rock"]}), "instructions.0.where", "contradictory_condition"),
    (where(language={"all": ["en", "es"]}), "instructions.0.where", "contradictory_condition"),
]


@pytest.mark.parametrize(("body", "field", "code"), FIELDS, ids=[f"{field}-{code}" for _, field, code in FIELDS])
def test_bad_fields(running, body, field, code):
    faults = check_problem(running.recommend(**body), 422, "invalid_request")
    assert faults.get(field) == code


def test_every_bad_field_is_named_at_once(running):
    body = {"k": 0, "mode": "soft", "history": [{"item_id": "", "event_time_s": 1}]}
    assert set(check_problem(running.recommend(**body), 422, "invalid_request")) == {"k", "mode", "history.0.item_id"}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1.5", '"1"', "null"])
@pytest.mark.parametrize("path", ["/recommend", "/events"])
def test_times_that_are_no_whole_number(running, path, text):
    event = f'{{"item_id": "a", "event_time_s": {text}}}'
    if path == "/events":
        event = event.replace("{", '{"event_id": "e", "user_id": "u", ')
    name = {"/recommend": "history", "/events": "events"}[path]
    content = f'{{"{name}": [{event}]}}'
    response = running.client.post(path, content=content, headers={"content-type": "application/json"})
    assert check_problem(response, 422, "invalid_request") == {f"{name}.0.event_time_s": "int_type"}


def test_whole_numbers_may_be_written_as_floats(running):
    content = '{"k": 3.0, "deadline_ms": 9e3, "history": [{"item_id": "a", "event_time_s": 1.7e9}]}'
    response = running.client.post("/recommend", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, len(response.json()["items"])) == (200, 3)


def test_future_times_beyond_the_clocks_difference(running):
    now_s = int(time.time())
    assert running.recommend(history=[{"item_id": "a", "event_time_s": now_s + 60}]).status_code == 200
    response = running.recommend(history=[ITEM, {"item_id": "a", "event_time_s": now_s + 3600}])
    assert check_problem(response, 422, "invalid_request") == {"history.1.event_time_s": "time_in_future"}


BODIES = [b"", b"{", b"[1,", b"\xff\xfe", b'{"user_id": "\\ud800"}', b'{"user_id": "\xff"}', b"[" * 5000, b"{'k': 1}"]


@pytest.mark.parametrize("content", BODIES, ids=[repr(content[:12]) for content in BODIES])
def test_malformed_json(running, content):
    response = running.client.post("/recommend", content=content, headers={"content-type": "application/json"})
    assert check_problem(response, 400, "malformed_json") == {}


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b'"text"'])
def test_json_of_another_kind(running, content):
    response = running.client.post("/recommend", content=content, headers={"content-type": "application/json"})
    assert check_problem(response, 422, "invalid_request") == {"": "model_type"}


def test_limits_follow_the_deployment(release_root, redis_server):
    small = {
        "max_k": 5,
        "max_instructions": 4,
        "max_history_events": 2,
        "max_ingest_events": 1,
        "max_deadline_ms": 9_500,
    }
    with serving(settings_for(release_root, redis_server.url, **small)) as running:
        assert running.recommend(k=5, history=[ITEM] * 2, deadline_ms=9_500).status_code == 200
        body = {"k": 6, "history": [ITEM] * 3, "instructions": [{"where": {}}] * 5, "deadline_ms": 9_501}
        faults = check_problem(running.recommend(**body), 422, "invalid_request")
        assert set(faults) == {"k", "history", "instructions", "deadline_ms"}
        schemas = running.client.get("/openapi.json").json()["components"]["schemas"]
        assert schemas["RecommendRequest"]["properties"]["k"]["maximum"] == 5
        assert schemas["IngestRequest"]["properties"]["events"]["maxItems"] == 1
