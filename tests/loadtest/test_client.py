"""Client: every way an answer can fail to come is told, none is raised."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.client import Client, ask_all

ANSWER = {
    "source": "model",
    "release": "r1",
    "items": [{"item_id": "a", "score": 0.5}],
    "eligible": [7],
    "history_events_used": 2,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self):
        type(self).connections += 1
        super().setup()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, content = body.get("status", 200), json.dumps(ANSWER | {"release": body["name"]}).encode()
        content = body["say"].encode() if "say" in body else content
        if body.get("hang_up"):
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def answering():
    """A server that says what the request asks it to say."""
    Handler.connections = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def url():
    with answering() as address:
        yield address


def test_a_recommendation_is_read(url):
    client = Client(url)
    reply = client.recommend({"name": "r2"})
    client.close()
    assert (reply.fault, reply.source, reply.release) == (None, "model", "r2")
    assert (reply.item_ids, reply.scores, reply.eligible, reply.history_events_used) == (("a",), (0.5,), 7, 2)
    assert reply.latency_ms > 0


@pytest.mark.parametrize(
    ("body", "fault", "unreachable"),
    [
        ({"status": 503, "say": '{"code": "busy"}'}, "status 503: busy", False),
        ({"status": 500, "say": "{}"}, "status 500: neither a recommendation nor a problem", False),
        ({"status": 502, "say": "[]"}, "status 502: neither a recommendation nor a problem", False),
        ({"say": "<html>"}, "status 200: neither a recommendation nor a problem", False),
        ({"say": '{"items": null}'}, "status 200: neither a recommendation nor a problem", False),
        ({"say": "[]"}, "status 200: neither a recommendation nor a problem", False),
        ({"hang_up": True}, "no answer: RemoteDisconnected", True),
    ],
)
def test_what_is_no_recommendation_is_a_fault(url, body, fault, unreachable):
    client = Client(url)
    reply = client.recommend({"name": "", **body})
    assert (reply.fault, reply.unreachable, reply.item_ids) == (fault, unreachable, ())
    assert client.recommend({"name": "next"}).release == "next"
    client.close()


@pytest.mark.parametrize("concurrency", [1, 3, 50])
def test_replies_come_in_the_order_of_the_questions_over_one_connection_per_worker(url, concurrency):
    replies = ask_all(Client(url), 20, lambda number: {"name": str(number)}, concurrency=concurrency, title="asking")
    assert [reply.release for reply in replies] == [str(number) for number in range(20)]
    assert Handler.connections <= min(concurrency, 20)


def test_a_fault_of_our_own_is_not_swallowed(url):
    def body_of(number):
        if number == 4:
            raise ZeroDivisionError
        return {"name": str(number)}

    with pytest.raises(ZeroDivisionError):
        ask_all(Client(url), 6, body_of, concurrency=2, title="asking")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", ""])
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match="expected an address like"):
        Client(url)
