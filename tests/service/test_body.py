"""Bounds on bodies, over raw sockets where an HTTP client is too polite."""

import gzip
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.service.running import serving, settings_for
from tests.service.test_request import check_problem

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["/recommend", "/events"])
def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(running, path):
    limit = running.service.settings.max_body_bytes
    assert running.client.post(path, content=b" " * limit, headers=JSON).status_code == 400
    check_problem(running.client.post(path, content=b" " * (limit + 1), headers=JSON), 413, "body_too_large")


def test_a_streamed_body_is_bounded_too(running):
    def chunks():
        for _ in range(40):
            yield b" " * 65_536

    response = running.client.post("/recommend", content=chunks(), headers=JSON)
    assert "content-length" not in response.request.headers
    check_problem(response, 413, "body_too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {},
    ],
)
def test_other_media_types(running, headers):
    content = gzip.compress(b"{}") if "content-encoding" in headers else b"{}"
    check_problem(running.client.post("/recommend", content=content, headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=UTF-8", "Application/JSON", "application/json;"])
def test_spellings_of_json(running, media_type):
    response = running.client.post("/recommend", content=b"{}", headers={"content-type": media_type})
    assert response.status_code == 200


def test_a_body_that_does_not_arrive(release_root, redis_server):
    with serving(settings_for(release_root, redis_server.url, body_timeout_ms=200)) as running:
        address = urlsplit(running.base_url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            head = "POST /recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
            connection.sendall(head.encode())
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
        head, _, document = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        assert json.loads(document)["code"] == "body_timeout"
        assert running.recommend().status_code == 200
