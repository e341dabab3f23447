"""python -m service as an operator starts it."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.service.running import wait_until


def start(tmp_path, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REC_", "OMP_"))}
    environment |= {f"REC_{name}": str(value) for name, value in variables.items()}
    with (tmp_path / "stderr").open("wb") as errors:
        command = [sys.executable, "-m", "service"]
        return subprocess.Popen(command, env=environment, stderr=errors, stdout=subprocess.PIPE)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_it_is_told_to_stop(tmp_path, release_root, redis_server, number):
    port = free_port()
    process = start(tmp_path, RELEASE_ROOT=release_root, REDIS_URL=redis_server.url, PORT=port)
    with process, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        def ready():
            try:
                return client.get("/health/ready").status_code == 200
            except httpx.TransportError:
                assert process.poll() is None
                return False

        wait_until(ready)
        answer = client.post("/recommend", json={"user_id": "secretuser", "k": 3})
        assert len(answer.json()["items"]) == 3
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stdout.read() == b""
    logged = lines(tmp_path)
    assert {"release_in_force", "request"} <= {line["event"] for line in logged}
    assert not any("OMP_NUM_THREADS" in line["event"] for line in logged)
    assert "secretuser" not in (tmp_path / "stderr").read_text()


def test_a_refused_release_ends_it(tmp_path):
    with start(tmp_path, RELEASE_ROOT=tmp_path, PORT=free_port()) as process:
        assert process.wait(60) == 1
    assert "release_refused" in {line["event"] for line in lines(tmp_path)}


def test_a_bad_environment_is_told_at_once(tmp_path):
    with start(tmp_path, PORT="many", COLOUR="blue") as process:
        assert process.wait(60) == 2
    told = (tmp_path / "stderr").read_text()
    assert all(name in told for name in ("REC_RELEASE_ROOT", "REC_PORT", "REC_COLOUR"))
