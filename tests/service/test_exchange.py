import logging

import pytest

from service.logs import JsonLines
from tests.service.test_request import check_problem


@pytest.mark.parametrize("kept", ["a", "A-1_b.c:d", "x" * 128])
def test_a_clients_request_id_is_kept(running, kept):
    assert running.client.get("/health/live", headers={"x-request-id": kept}).headers["x-request-id"] == kept


@pytest.mark.parametrize("replaced", ["", "x" * 129, "a b", "a,b", "é".encode()])
def test_other_request_ids_are_replaced(running, replaced):
    given = running.client.get("/health/live", headers={"x-request-id": replaced}).headers["x-request-id"]
    assert len(given) == 32
    assert given.isalnum()


def test_what_nobody_caught_is_answered_without_its_cause(running, monkeypatch, caplog):
    def fail(*_):
        raise LookupError("the secret of user-9")

    monkeypatch.setattr(type(running.service.pipeline), "recommend", fail)
    before = running.metric("rec_problems_total", code="internal_error")
    response = running.recommend(user_id="user-9")
    check_problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert running.metric("rec_problems_total", code="internal_error") == before + 1
    assert running.metric("rec_requests_in_flight") == 0
    told = "".join(JsonLines().format(record) for record in caplog.records if record.levelno >= logging.ERROR)
    assert "LookupError" in told
    assert "secret" not in told
