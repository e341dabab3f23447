"""A service in a process of its own, as an operator starts it: what load tools can hold still and put under load."""

import os
import socket
import subprocess
import sys

import httpx
import pytest

from tests.service.running import RedisServer, wait_until


@pytest.fixture(scope="session")
def service_process(tmp_path_factory, release_root):
    """(address, process id)."""
    redis_server = RedisServer(tmp_path_factory.mktemp("load-redis")).start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REC_")}
    environment |= {"REC_RELEASE_ROOT": str(release_root), "REC_REDIS_URL": redis_server.url, "REC_PORT": str(port)}
    environment |= {"REC_DEFAULT_DEADLINE_MS": "9000", "REC_REDIS_TIMEOUT_MS": "5000", "REC_LOG_LEVEL": "WARNING"}
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "service"], env=environment, stderr=subprocess.DEVNULL)

    def ready():
        assert process.poll() is None
        try:
            return httpx.get(f"{url}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(ready)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)
        redis_server.stop()
