"""deploy/haproxy.cfg in a real haproxy, before two real workers and before servers that a test controls."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import httpx
import pytest

from service.errors import OverloadedError
from tests.service.running import RedisServer, play, wait_until
from tests.service.test_workers import free_ports, is_ready

CONFIGURATION = Path(__file__).parents[2] / "deploy/haproxy.cfg"
BINARY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(BINARY is None, reason="no haproxy on this machine: apt-get install haproxy")


@contextmanager
def balancing(first_port):
    """HAProxy before workers on first_port + 1 and + 2, with limit ports + 3 and + 4; a client of it."""
    public, metrics = first_port + 5, first_port + 6
    variables = {"BALANCER_ADDRESS": f"127.0.0.1:{public}", "METRICS_ADDRESS": f"127.0.0.1:{metrics}"}
    for number in (0, 1):
        variables[f"WORKER_{number}_PORT"] = str(first_port + 1 + number)
        variables[f"WORKER_{number}_LIMIT_PORT"] = str(first_port + 3 + number)
    process = subprocess.Popen([BINARY, "-db", "-q", "-f", CONFIGURATION], env={**os.environ, **variables})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{public}", timeout=30, trust_env=False) as client:
            client.metrics = f"http://127.0.0.1:{metrics}/metrics"
            wait_until(lambda: answers(client))
            yield client
    finally:
        process.kill()
        process.wait()


def answers(client):
    try:
        return client.get("/health/live") is not None
    except httpx.TransportError:
        return False


def test_the_configuration_is_valid():
    subprocess.run([BINARY, "-c", "-q", "-f", CONFIGURATION], check=True)


@pytest.fixture(scope="module")
def port(tmp_path_factory, release_root):
    """The first port of a service with two workers and a store."""
    first_port, redis_server = free_ports(7), RedisServer(tmp_path_factory.mktemp("redis")).start()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REC_")}
    environment |= {"REC_RELEASE_ROOT": str(release_root), "REC_REDIS_URL": redis_server.url}
    environment |= {"REC_PORT": str(first_port), "REC_WORKERS": "2", "REC_LOG_LEVEL": "WARNING"}
    environment |= {"REC_DEFAULT_DEADLINE_MS": "9000", "REC_REDIS_TIMEOUT_MS": "5000"}
    process = subprocess.Popen([sys.executable, "-m", "service"], env=environment)
    try:
        wait_until(lambda: is_ready(first_port + 1) and is_ready(first_port + 2))
        yield first_port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        redis_server.stop()


def workers_of(client, user):
    """Every way in which a user's requests say whose they are -> the worker that answered."""
    event = {**play(user, "no-such-item", 1_700_000_000), "event_id": "one"}
    found = [
        client.post("/recommend", json={"k": 1, "user_id": user}),
        client.post("/recommend", json={"user_id": user, "history": [], "k": 2}),
        client.post("/recommend", json={"k": 1}, headers={"x-rec-user": user}),
        client.post("/events", json={"events": [event]}),
        client.get(f"/users/{user}/history"),
    ]
    return {answer.headers["x-rec-worker"] for answer in found}


def test_a_user_always_reaches_the_same_worker(port):
    users = [f"user {number}" if number % 2 else f"user-{number}" for number in range(24)]
    with balancing(port) as client:
        assert client.get("/health/ready").status_code == 200
        first = {user: workers_of(client, user) for user in users}
        assert {len(workers) for workers in first.values()} == {1}
        assert set.union(*first.values()) == {"0", "1"}
    with balancing(port) as client:
        assert {user: workers_of(client, user) for user in users} == first
        anonymous = {client.post("/recommend", json={"k": 1}).headers["x-rec-worker"] for _ in range(40)}
        assert anonymous == {"0", "1"}


class Stub:
    """Two servers that are ready, answer /recommend when told, and each want `limit` connections."""

    def __init__(self, first_port, limit):
        stub = self
        self.arrived, self.go = [], threading.Event()

        class Recommend(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                stub.arrived.append(self.path)
                assert stub.go.wait(60)
                self.do_GET()

            def log_message(self, *_):
                pass

        class Limit(StreamRequestHandler):
            def handle(self):
                self.wfile.write(f"maxconn:{limit}\n".encode())

        self.servers = [ThreadingHTTPServer(("127.0.0.1", first_port + 1 + number), Recommend) for number in (0, 1)]
        ThreadingTCPServer.allow_reuse_address = True
        self.servers += [ThreadingTCPServer(("127.0.0.1", first_port + 3 + number), Limit) for number in (0, 1)]
        self.threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self.servers]
        for thread in self.threads:
            thread.start()

    def close(self):
        self.go.set()
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def stub():
    first_port = free_ports(7)
    one = Stub(first_port, limit=2)
    yield first_port, one
    one.close()


def limits_told(client):
    text = httpx.get(client.metrics, trust_env=False).text
    return re.findall(r'^haproxy_server_limit_sessions\{proxy="workers",server="worker\d"\} (\d+)$', text, re.MULTILINE)


def refusal(answer):
    """The detail of a refusal that has all that a client can use."""
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert document["type"] == f"urn:climber-pilot:problem:{OverloadedError.code}"
    assert (document["code"], document["title"]) == (OverloadedError.code, OverloadedError.title)
    assert document["status"] == 503
    return document["detail"]


def test_what_exceeds_the_limits_that_the_workers_tell_is_refused_at_once(stub):
    first_port, servers = stub

    async def ask_all(url):
        # One client for all: they must arrive faster than the line before the workers moves.
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=httpx.Limits()) as client:
            asking = [asyncio.ensure_future(client.post("/recommend", json={"user_id": f"u{n}"})) for n in range(40)]
            # 2 + 2 are being answered, a few wait in line until they have waited too long, the others are refused.
            while sum(one.done() for one in asking) < 36:
                await asyncio.sleep(0.02)
            refused = [one.result() for one in asking if one.done()]
            servers.go.set()
            return refused, await asyncio.gather(*asking)

    with balancing(first_port) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        wait_until(lambda: limits_told(client) == ["2", "2"])
        refused, answers = asyncio.run(asyncio.wait_for(ask_all(client.base_url), 60))
        waits = [refusal(answer) for answer in refused]
        assert any(detail.startswith("more requests are waiting") for detail in waits)
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 36
        assert len(servers.arrived) == 4
        assert client.post("/recommend", json={}).status_code == 200


def test_without_any_worker_there_is_still_an_answer():
    with balancing(free_ports(7)) as client:
        assert refusal(client.post("/recommend", json={})) == "no worker took the request in time"
