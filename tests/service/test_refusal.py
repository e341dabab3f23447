import asyncio
import json
import re
import threading
import time

import httpx
import pytest
from prometheus_client import Gauge

from service.admission import Permits
from service.refusal import Refusal
from service.telemetry import Telemetry
from tests.service.running import serving, settings_for, wait_until
from tests.service.test_request import check_problem


class Asked:
    """A Refusal with one permit before an application that notes what reaches it."""

    def __init__(self):
        self.telemetry = Telemetry()
        self.permits = Permits(1, Gauge("in_flight", "requests", registry=None))
        self.reached = []
        self.refusal = Refusal(self.app, self.permits, self.telemetry)

    async def app(self, scope, _receive, _send):
        self.reached.append(scope)

    def ask(self, path="/recommend", method="POST", headers=(), kind="http"):
        """What is sent; [] where the application was asked instead."""
        sent = []

        async def receive():
            raise AssertionError("expected nothing of the request to be read")

        async def send(message):
            sent.append(message)

        scope = {"type": kind, "path": path, "method": method, "headers": list(headers)}
        asyncio.run(self.refusal(scope, receive, send))
        return sent

    def count(self, name, **labels):
        return self.telemetry.registry.get_sample_value(name, labels) or 0


def test_with_a_permit_left_everything_passes():
    asked = Asked()
    assert asked.ask() == []
    assert len(asked.reached) == 1
    assert asked.count("rec_problems_total", code="overloaded") == 0


def test_without_a_permit_a_recommendation_is_refused_unread():
    asked = Asked()
    with asked.permits.take():
        start, body = asked.ask()
        assert asked.reached == []
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    document = json.loads(body["body"])
    assert start["status"] == document["status"] == 503
    assert document["code"] == "overloaded"
    assert document["request_id"] == headers["x-request-id"]
    assert int(headers["retry-after"]) >= 1
    assert int(headers["content-length"]) == len(body["body"])
    assert asked.count("rec_problems_total", code="overloaded") == 1
    labels = {"route": "/recommend", "method": "POST", "status": "503"}
    assert asked.count("rec_http_request_duration_seconds_count", **labels) == 1
    assert asked.ask() == []


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [("/recommend", "GET", "http"), ("/events", "POST", "http"), ("/health/live", "GET", "http"), ("", "", "lifespan")],
)
def test_what_needs_no_permit_always_passes(path, method, kind):
    asked = Asked()
    with asked.permits.take():
        assert asked.ask(path, method, kind=kind) == []
    assert len(asked.reached) == 1


@pytest.mark.parametrize(("sent", "kept"), [(b"abc-1", True), (b"a" * 129, False), (b'"quoted"', False), (b"", False)])
def test_the_request_id_of_the_client_is_kept_where_it_is_plain(sent, kept):
    asked = Asked()
    with asked.permits.take():
        ids = [json.loads(asked.ask(headers=[(b"x-request-id", sent)])[1]["body"])["request_id"] for _ in range(2)]
    if kept:
        assert ids == [sent.decode()] * 2
    else:
        assert len(set(ids)) == 2
        assert all(re.fullmatch(r"[0-9a-f]{28}", one) for one in ids)


def test_overload_is_found_out_without_a_limit_and_passes(release_root, redis_server, history, monkeypatch):
    with serving(settings_for(release_root, redis_server.url)) as running:
        retrieve = running.retriever.retrieve

        def slowly(requests):
            time.sleep(0.01 * len(requests))
            return retrieve(requests)

        monkeypatch.setattr(running.retriever, "retrieve", slowly)
        done, answers = threading.Event(), []

        def flood():
            with httpx.Client(base_url=running.base_url, timeout=30, trust_env=False) as client:
                while not done.is_set():
                    answers.append(client.post("/recommend", json={"history": history, "k": 3}))

        threads = [threading.Thread(target=flood) for _ in range(24)]
        for thread in threads:
            thread.start()
        wait_until(lambda: running.metric("rec_concurrency_limit") < 24)
        wait_until(lambda: any(answer.status_code == 503 for answer in answers))
        assert running.client.get("/health/ready").status_code == 200
        done.set()
        for thread in threads:
            thread.join(30)
        # The connection of a refused request is good for the next: its body was skipped.
        for answer in answers:
            if answer.status_code == 200:
                assert answer.json()["source"] == "model"
            else:
                check_problem(answer, 503, "overloaded")
                assert "connection" not in answer.headers
        refused = sum(answer.status_code == 503 for answer in answers)
        assert running.metric("rec_problems_total", code="overloaded") == refused
        low = running.metric("rec_concurrency_limit")
        wait_until(lambda: running.answer(history=history) and running.metric("rec_concurrency_limit") > low)
