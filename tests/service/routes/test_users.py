from service.users import EVENT_STREAM
from tests.service.running import fresh, play
from tests.service.test_request import check_problem

NOW_S = 1_700_000_000


def test_an_unknown_user_has_an_empty_history(running):
    user = fresh()
    response = running.client.get(f"/users/{user}/history")
    assert (response.status_code, response.json()) == (
        200,
        {"user_id": user, "events": [], "standing_instructions": []},
    )


def test_forgetting(running, redis_server):
    user, other = fresh(), fresh()
    ids = running.catalogue.item_ids
    running.ingest(*(play(one, item, NOW_S) for one in (user, other) for item in ids[:3]))
    assert running.client.get(f"/users/{user}/history").json()["standing_instructions"]
    answer = running.client.delete(f"/users/{user}/history")
    assert (answer.status_code, answer.json()) == (
        200,
        {"user_id": user, "deleted_events": 3, "deleted_exposures": 0},
    )
    assert running.client.delete(f"/users/{user}/history").json()["deleted_events"] == 0
    assert running.client.get(f"/users/{user}/history").json()["events"] == []
    assert running.answer(user_id=user)["source"] == "cold_start"
    assert len(running.client.get(f"/users/{other}/history").json()["events"]) == 3
    with redis_server.client() as client:
        assert not [key for key in client.scan_iter(count=1000) if user.encode() in key]
        last = [fields for _, fields in client.xrange(EVENT_STREAM) if fields.get(b"user_id") == user.encode()][-1]
    assert last[b"kind"] == b"erasure"


def test_any_text_can_be_a_user(running):
    for user in ("a/b", "ü ñ", "{x}", "%2F", "a?b#c", "history", "😀"):
        running.ingest(play(user, running.catalogue.item_ids[0], NOW_S))
        quoted = "".join(f"%{byte:02X}" for byte in user.encode())
        response = running.client.get(f"/users/{quoted}/history")
        assert (response.json()["user_id"], len(response.json()["events"])) == (user, 1)
        assert running.client.delete(f"/users/{quoted}/history").json()["deleted_events"] == 1


def test_bad_ids(running):
    assert check_problem(running.client.get("/users/%00/history"), 422, "invalid_request") == {
        "user_id": "string_pattern_mismatch"
    }
    assert check_problem(running.client.delete(f"/users/{'u' * 201}/history"), 422, "invalid_request") == {
        "user_id": "string_too_long"
    }


def test_an_entry_of_another_kind_is_no_history(running, redis_server):
    user = fresh()
    with redis_server.client() as client:
        client.rpush(f"rec:user:{{{user}}}:history", b"short")
    check_problem(running.client.get(f"/users/{user}/history"), 503, "history_store_unavailable")
    with redis_server.client() as client:
        client.set(f"rec:user:{{{user}}}:history", b"no list")
    check_problem(running.client.get(f"/users/{user}/history"), 503, "history_store_unavailable")
