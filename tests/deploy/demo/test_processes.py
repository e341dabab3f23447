"""What the demo starts is ready when it says so, and gone when it ends."""

import os
import socket
from pathlib import Path

import pytest
import redis

from deploy.demo.processes import Processes, StartError, free_port, is_free
from tests.service.running import redis_binary


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_redis_server_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        url = processes.start_redis(redis_binary())
        with redis.Redis.from_url(url) as client:
            pid = client.info("server")["process_id"]
            assert client.config_get("port") == {"port": "0"}
            assert client.config_get("save") == {"save": ""}
        folder = Path(url.removeprefix("unix://")).parent
        assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert not is_running(pid)
    assert not folder.exists()


def test_everything_is_stopped_when_something_goes_wrong(tmp_path: Path) -> None:
    pids = []

    def interrupted() -> None:
        with Processes(tmp_path) as processes:
            url = processes.start_redis(redis_binary())
            with redis.Redis.from_url(url) as client:
                pids.append(client.info("server")["process_id"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert pids
    assert not is_running(pids[0])


def test_a_process_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho no memory >&2\nexit 3\n")
    failing.chmod(0o755)
    with Processes(tmp_path / "logs") as processes, pytest.raises(StartError, match=r"status 3(.|\n)*no memory"):
        processes.start_redis(str(failing))


def test_a_service_without_a_release_does_not_come_up(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes, pytest.raises(StartError, match="service ended with status"):
        processes.start_service(tmp_path / "no-releases", "unix:///nowhere", free_port())


def test_the_one_that_ends_is_named(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        url = processes.start_redis(redis_binary())
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)
        assert processes.wait() == "redis-server"


def test_a_port_is_free_until_something_listens() -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert not is_free(port)
