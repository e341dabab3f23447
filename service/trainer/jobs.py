"""Jobs: what the sidecar does from time to time, each in a process of its own.

A new kind of job is one file that has its stages, and one entry in JOBS.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from service.trainer.archive import Archive
from service.trainer.cycle import run_cycle
from service.trainer.journal import read_journal
from service.trainer.publication import Publication
from service.trainer.settings import TrainerSettings

ARCHIVE, RETRAINING = "archive", "retraining"


class Job(NamedTuple):
    """due: whether to run it now, asked in the sidecar's own process; run: do it, in another one; its outcome.

    Its journal lies in job_folder(settings, name).
    """

    name: str
    due: Callable[[TrainerSettings], bool]
    run: Callable[[TrainerSettings], str]


def job_folder(settings: TrainerSettings, name: str) -> Path:
    """Where a job keeps its journal and works."""
    return settings.work_dir / name


def connect(settings: TrainerSettings) -> Redis:
    """The store of events and items."""
    return Redis.from_url(settings.redis_url, protocol=2, socket_timeout=30, socket_connect_timeout=5)


def _retraining_is_due(settings: TrainerSettings) -> bool:
    """A cycle is under way, or the last one is long ago and there are events since."""
    journal = read_journal(job_folder(settings, RETRAINING))
    if journal["cycle"] is not None:
        return True
    last = journal["last"]
    if last is not None and time.time() - last["started_s"] < settings.interval_s:
        return False
    seen = last["facts"].get("newest_entry", "") if last is not None else ""
    return Archive(settings.work_dir / ARCHIVE).count_after(seen) >= settings.min_events


def _retrain(settings: TrainerSettings) -> str:
    # The sidecar itself never trains, and does not wait for the code that does.
    from service.trainer.retraining import Retraining

    with connect(settings) as redis:
        job = Retraining(settings, redis, Archive(settings.work_dir / ARCHIVE), Publication(settings))
        return run_cycle(job_folder(settings, RETRAINING), job.stages(), settings.max_attempts)


JOBS = (Job(RETRAINING, _retraining_is_due, _retrain),)
