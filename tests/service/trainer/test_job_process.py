"""A job in a process of its own: begun again after a failure, never twice at once, never longer than the sidecar."""

import os
import subprocess
import sys
import time

import pytest

from model.durable_files import locked
from service.trainer import job_process
from service.trainer.job_process import BUSY, FAILED, FINISHED, JobProcess, work
from service.trainer.jobs import Job, job_folder
from tests.service.running import wait_until
from tests.service.trainer.surroundings import Surroundings

JOB = Job("sleep", lambda _: True, lambda _: "published")


@pytest.fixture
def settings(redis_server, tmp_path):
    return Surroundings(redis_server, tmp_path, tmp_path / "sidecar").settings()


def test_one_at_a_time_and_again_after_a_while(monkeypatch):
    """`python -m service.trainer --job` with an environment that describes no sidecar."""
    for name in list(os.environ):
        if name.startswith("REC_"):
            monkeypatch.delenv(name)
    process = JobProcess(JOB)
    assert process.start()
    assert not process.start()
    wait_until(lambda: not process.running or process.look() is not None)
    assert (process.running, process.failures, process.start()) == (False, 1, False)
    process._not_before_s = time.monotonic()
    assert process.start()
    process.stop()
    assert not process.running


def test_a_job_is_alone_in_its_folder(settings, monkeypatch):
    monkeypatch.setattr(job_process, "end_with_parent", lambda: None)
    job_folder(settings, "sleep").mkdir(parents=True)
    with locked(job_folder(settings, "sleep")):
        assert work(JOB, settings) == BUSY
    assert work(JOB, settings) == FINISHED


def test_a_failed_job_is_told(settings, monkeypatch, caplog):
    monkeypatch.setattr(job_process, "end_with_parent", lambda: None)

    def fail(_):
        raise ValueError("no space")

    assert work(Job("sleep", lambda _: True, fail), settings) == FAILED
    assert (caplog.records[-1].getMessage(), caplog.records[-1].reason) == ("job_failed", "no space")


def test_a_job_ends_with_the_sidecar():
    """Whose end of standard input closes, however it dies."""
    program = "import time; from service.trainer.job_process import end_with_parent; end_with_parent(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        assert child.poll() is None
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == FAILED
