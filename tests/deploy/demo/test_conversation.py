"""The requests of the demo, and the curl that repeats them."""

import json
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from deploy.demo.conversation import RefusedError, call, curl, render

BODY = {"user_id": "it's", "instructions": [{"where": {"genre": {"any": ["rock"]}}}]}


class Echo(BaseHTTPRequestHandler):
    """Answers a POST with its own body, or with a problem at /refused."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(422 if self.path == "/refused" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"type": self.headers["content-type"], "body": json.loads(body)}).encode())

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_call_sends_json_and_reads_json(address: str) -> None:
    assert call(address, "/echo", BODY) == {"type": "application/json", "body": BODY}


def test_a_refusal_carries_status_and_document(address: str) -> None:
    with pytest.raises(RefusedError, match=r"POST /refused: 422 .*rock"):
        call(address, "/refused", BODY)


def test_the_curl_is_one_command_with_the_same_body() -> None:
    words = shlex.split(curl("http://127.0.0.1:1", "/recommend", BODY).replace("\\\n", ""))
    assert words[:3] == ["curl", "-s", "http://127.0.0.1:1/recommend"]
    assert json.loads(words[words.index("-d") + 1]) == BODY


def test_what_is_shown_is_the_whole_answer_as_json() -> None:
    group = {"instruction": 0, "instruction_name": "für", "items": [{"item_id": "a"}, {"item_id": "b"}]}
    answer = {"release": "r", "groups": [group, {**group, "items": []}], "items": None, "eligible": [2, 0]}
    assert json.loads(render(answer)) == answer
    assert json.loads(render({"groups": None})) == {"groups": None}
