"""Logs of a real process: JSON lines that tell users apart and do not tell who they are."""

import json
import logging

from service.logs import JsonLines, UserHash, failure_fields
from tests.service.running import fresh, play


def test_no_user_and_no_history_in_any_line(running, history, caplog):
    caplog.set_level(logging.DEBUG)
    user, item = fresh("secretuser"), fresh("secretitem")
    events = [play(user, item, 1_700_000_000)]
    running.ingest(*events)
    running.answer(user_id=user, history=history, exclude=[item])
    running.client.get(f"/users/{user}/history")
    running.client.delete(f"/users/{user}/history")
    running.client.get(f"/items/{item}")
    running.recommend(user_id=user, k=0)
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith("service")]
    requests = [json.loads(line) for line in lines]
    assert len(requests) >= 6
    assert not any("secretuser" in line or "secretitem" in line for line in lines)
    hashed = {line["user"] for line in requests if "user" in line}
    assert hashed == {running.service.user_hash(user)}


def test_a_key_makes_hashes_comparable():
    assert UserHash("key")("ada") == UserHash("key")("ada")
    assert UserHash("key")("ada") != UserHash("other")("ada")
    assert UserHash()("ada") != UserHash()("ada")
    assert UserHash("key")("ada") != UserHash("key")("bob")


def test_lines_are_json_with_their_fields():
    record = logging.makeLogRecord(
        {"name": "service.x", "levelname": "INFO", "msg": "it %s", "args": ("ran",), "took_ms": 3}
    )
    line = json.loads(JsonLines().format(record))
    assert (line["event"], line["level"], line["logger"], line["took_ms"]) == ("it ran", "info", "service.x", 3)


def test_failures_are_told_without_their_message():
    try:
        raise KeyError("user-17")
    except KeyError as error:
        told = json.dumps(failure_fields(error))
    assert "KeyError" in told
    assert "test_logs.py" in told
    assert "user-17" not in told
