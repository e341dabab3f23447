"""The supervisor with workers that are small scripts, and once with real ones."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from model.release import current_release
from service.settings import Settings, SettingsError, load_settings
from service.workers import REFUSED, Workers
from tests.service.running import wait_until

# Writes down how it was started, then does what the test wants of this life.
SCRIPT = """
import os, signal, sys, time
number, restarts = sys.argv[2], int(sys.argv[4])
with open(sys.argv[0] + "." + number, "a") as log:
    log.write(f"{os.getpid()} {restarts} {os.environ['OMP_NUM_THREADS']}\\n")
"""


def free_ports(count):
    """The first of `count` ports in a row that nobody uses now."""
    for first in range(20_000 + os.getpid() % 10_000, 40_000, count):
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError(f"expected {count} free ports in a row, found none")


class Supervised:
    """A supervisor whose workers run SCRIPT and then `rest`."""

    def __init__(self, folder, monkeypatch, rest):
        monkeypatch.setattr("service.workers.FIRST_DELAY_S", 0.02)
        self.script = folder / "worker.py"
        self.script.write_text(SCRIPT + rest)
        settings = Settings(release_root=folder, port=free_ports(5), workers=2)
        self.workers = Workers(settings, (sys.executable, str(self.script)))

    def lives(self, number):
        """(pid, restarts, threads) of every life of a worker."""
        path = self.script.with_name(f"{self.script.name}.{number}")
        return [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []

    def work(self, until=lambda: False):
        """Work until the condition holds, then stop; the exit code."""

        async def working():
            task = asyncio.create_task(self.workers.work())
            while not until() and not task.done():
                await asyncio.sleep(0.02)
            self.workers.stop()
            return await task

        return asyncio.run(asyncio.wait_for(working(), 60))


def test_a_worker_that_dies_is_started_again_and_told_how_often(tmp_path, monkeypatch):
    one = Supervised(tmp_path, monkeypatch, "time.sleep(600 if number == '1' or restarts == 3 else 0)")
    assert one.work(until=lambda: len(one.lives(0)) == 4 and one.lives(1)) == 0
    assert [restarts for _, restarts, _ in one.lives(0)] == [0, 1, 2, 3]
    assert [restarts for _, restarts, _ in one.lives(1)] == [0]
    assert {threads for number in (0, 1) for _, _, threads in one.lives(number)} == {1}
    for pid in (one.lives(0)[-1][0], one.lives(1)[0][0]):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_delays_grow_between_the_lives_of_a_worker(tmp_path, monkeypatch, caplog):
    one = Supervised(tmp_path, monkeypatch, "sys.exit(3)")
    assert one.work(until=lambda: len(one.lives(0)) >= 4) == 0
    delays = [record.again_in_s for record in caplog.records if record.msg == "worker_died" and record.worker == 0]
    assert delays[:3] == [0.02, 0.04, 0.08]
    assert {record.code for record in caplog.records if record.msg == "worker_died"} == {3}


def test_a_refused_release_ends_all_when_nobody_serves(tmp_path, monkeypatch):
    one = Supervised(tmp_path, monkeypatch, f"sys.exit({REFUSED})")
    assert one.work() == 1


def test_a_refused_release_ends_nothing_while_somebody_serves(tmp_path, monkeypatch):
    one = Supervised(tmp_path, monkeypatch, f"time.sleep(600) if number == '1' else sys.exit({REFUSED})")
    assert one.work(until=lambda: len(one.lives(0)) >= 3) == 0
    assert len(one.lives(1)) == 1


def test_a_worker_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("service.workers.KILL_AFTER_S", 0.2)
    ignores = "signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[0] + number, 'w'); time.sleep(600)"
    one = Supervised(tmp_path, monkeypatch, ignores)
    assert one.work(until=lambda: all((tmp_path / f"worker.py{number}").exists() for number in (0, 1))) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(one.lives(0)[0][0], 0)


def test_a_taken_port_ends_it_before_anything_starts(tmp_path, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = Settings(release_root=tmp_path, port=port - 1, workers=2)
        assert asyncio.run(Workers(settings, ("false",)).work()) == 1
    (record,) = [record for record in caplog.records if record.msg == "ports_taken"]
    assert str(port) in record.ports.split(", ")


@pytest.mark.parametrize("port", ["0", "65533"])
def test_several_workers_need_a_port_with_room_after_it(monkeypatch, tmp_path, port):
    monkeypatch.setenv("REC_RELEASE_ROOT", str(tmp_path))
    monkeypatch.setenv("REC_WORKERS", "2")
    monkeypatch.setenv("REC_PORT", port)
    with pytest.raises(SettingsError, match="fixed port"):
        load_settings()


@pytest.fixture
def supervisor(tmp_path, release_root, redis_server):
    """python -m service with two workers; yields the process and its first port."""
    port = free_ports(5)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REC_", "OMP_"))}
    environment |= {"REC_RELEASE_ROOT": str(release_root), "REC_REDIS_URL": redis_server.url}
    environment |= {"REC_PORT": str(port), "REC_WORKERS": "2", "REC_DEFAULT_DEADLINE_MS": "9000"}
    with (tmp_path / "stderr").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-m", "service"], env=environment, stderr=errors)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def get(port, path, client=httpx):
    """The answer, or None where nobody listens."""
    try:
        return client.get(f"http://127.0.0.1:{port}{path}", timeout=30)
    except httpx.TransportError:
        return None


def is_ready(port):
    answer = get(port, "/health/ready")
    return answer is not None and answer.status_code == 200


def metric(port, name):
    return float(re.search(rf"^{name} (\S+)$", get(port, "/metrics").text, re.MULTILINE).group(1))


def mapped_kib(pid, name):
    """What /proc tells of the one mapping of a file by a process: kind of page -> KiB."""
    text = Path(f"/proc/{pid}/smaps").read_text()
    (mapping,) = re.findall(rf"/{re.escape(name)}\n(.*?)(?=\n[0-9a-f]+-|\Z)", text, re.DOTALL)
    return {kind: int(size) for kind, size in re.findall(r"^(\w+):\s+(\d+) kB", mapping, re.MULTILINE)}


def test_two_real_workers_serve_restart_and_end_with_their_supervisor(tmp_path, release_root, supervisor):
    process, port = supervisor
    wait_until(lambda: is_ready(port + 1) and is_ready(port + 2))
    assert [get(port + 1 + number, "/health/live").headers["x-rec-worker"] for number in (0, 1)] == ["0", "1"]
    # New connections to the shared port are spread over both.
    seen = set()
    wait_until(lambda: seen.add(get(port, "/health/ready").headers["x-rec-worker"]) or seen == {"0", "1"})
    for number in (0, 1):
        with socket.create_connection(("127.0.0.1", port + 3 + number)) as asked:
            assert asked.makefile().read() == "maxconn:64\n"
    logged = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines()]
    pids = [line["pid"] for line in logged if line["event"] == "worker_started"]
    if sys.platform == "linux":
        index = current_release(release_root) / "index.safetensors"
        for pid in pids:
            # Not how much is resident: the kernel may drop clean pages of a file whenever it wants the memory.
            kib = mapped_kib(pid, index.name)
            assert kib["Size"] * 1024 >= index.stat().st_size
            assert kib["Anonymous"] == kib["Private_Dirty"] == 0
    os.kill(pids[0], signal.SIGKILL)
    # Who is not ready does not listen on the shared port: it never answers 503.
    while not is_ready(port + 1):
        assert get(port, "/health/ready").status_code == 200
        time.sleep(0.05)
    assert (metric(port + 1, "rec_worker_restarts"), metric(port + 2, "rec_worker_restarts")) == (1, 0)
    # Killed outright, a supervisor leaves no worker behind.
    process.kill()
    process.wait()
    wait_until(lambda: get(port + 1, "/health/live") is None and get(port + 2, "/health/live") is None)


def test_a_signal_drains_every_worker(supervisor):
    process, port = supervisor
    wait_until(lambda: is_ready(port + 1) and is_ready(port + 2))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert get(port + 1, "/health/live") is None
    assert get(port, "/health/live") is None
