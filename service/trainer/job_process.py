"""JobProcess: one job at work in a process of its own, begun again after a failure, ended with the sidecar."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from model.durable_files import locked
from service.logs import failure_fields
from service.trainer.jobs import Job, job_folder
from service.trainer.settings import TrainerSettings

FINISHED, FAILED, BUSY = 0, 1, 75
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 300.0
STOP_TIMEOUT_S = 10
logger = logging.getLogger("service.trainer.job_process")


class JobProcess:
    """`python -m service.trainer --job NAME`, at most one at a time."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._delay_s = FIRST_DELAY_S
        self._not_before_s = 0.0
        self.failures = 0

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process is not None

    def start(self) -> bool:
        """Begin, unless it is at work, or failed a moment ago."""
        if self._process is not None or time.monotonic() < self._not_before_s:
            return False
        command = [sys.executable, "-m", "service.trainer", "--job", self.job.name]
        # Its progress bars are for people; a log has the stages.
        environment = dict(os.environ) if sys.stderr.isatty() else {**os.environ, "TQDM_DISABLE": "1"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
        logger.info("job_started", extra={"job": self.job.name, "pid": self._process.pid})
        return True

    def look(self) -> int | None:
        """The exit code, once, when it has ended; None before."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        self._close()
        if code == FINISHED:
            self._delay_s, self.failures = FIRST_DELAY_S, 0
        else:
            self.failures += code != BUSY
            self._not_before_s = time.monotonic() + self._delay_s
            fields = {"job": self.job.name, "code": code, "again_in_s": self._delay_s}
            logger.error("job_ended", extra=fields)
            self._delay_s = min(LONGEST_DELAY_S, 2 * self._delay_s)
        return code

    def stop(self) -> None:
        """End it; the next sidecar goes on with its cycle."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._close()

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


def work(job: Job, settings: TrainerSettings) -> int:
    """What that process does: the job, alone in its folder, until the sidecar dies."""
    folder = job_folder(settings, job.name)
    folder.mkdir(parents=True, exist_ok=True)
    os.nice(settings.nice)
    end_with_parent()
    try:
        with locked(folder, wait=False):
            job.run(settings)
    except BlockingIOError:
        return BUSY  # that of a sidecar which was killed has not noticed yet
    except Exception as error:
        logger.critical("job_failed", extra={"job": job.name, **failure_fields(error), "reason": str(error)})
        return FAILED
    return FINISHED


def end_with_parent(end: Callable[[], None] = lambda: os._exit(FAILED)) -> None:
    """End this process when standard input closes: nothing is ever sent there, so its writer has died.

    At once, in the middle of whatever it does: a cycle survives that.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        end()

    threading.Thread(target=watch, daemon=True).start()
