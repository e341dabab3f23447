"""Jobs: what the sidecar does from time to time, each in a process of its own.

A new kind of job is one file that has its stages, and one entry in JOBS. The sidecar itself neither trains nor looks at
pictures, and does not wait for the code that does: the file is imported where it runs.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from service.trainer.archive import Archive
from service.trainer.cycle import Stage, run_cycle
from service.trainer.journal import read_journal
from service.trainer.publication import Publication, current_id
from service.trainer.settings import TrainerSettings

ARCHIVE = "archive"
RETRAINING, MATCHERS, LIBRARY, COVER_FACES = "retraining", "matchers", "library", "cover_faces"


class Job(NamedTuple):
    """due: whether to run it now, asked in the sidecar's own process; run: do it, in another one; its outcome.

    Its journal lies in job_folder(settings, name). kind: what it publishes. wanted: whether the operator has set it up.
    """

    name: str
    due: Callable[[TrainerSettings], bool]
    run: Callable[[TrainerSettings], str]
    kind: str = "trained"
    wanted: Callable[[TrainerSettings], bool] = lambda _: True


def job_folder(settings: TrainerSettings, name: str) -> Path:
    """Where a job keeps its journal and works."""
    return settings.work_dir / name


def connect(settings: TrainerSettings) -> Redis:
    """The store of events and items."""
    return Redis.from_url(settings.redis_url, protocol=2, socket_timeout=30, socket_connect_timeout=5)


def jobs_of(settings: TrainerSettings) -> tuple[Job, ...]:
    """Those that this sidecar has, in the order in which they run."""
    return tuple(job for job in JOBS if job.wanted(settings))


def _is_due(settings: TrainerSettings, name: str, interval_s: float | None, **watched: Path | None) -> bool:
    """A cycle is under way, or the last one is long ago.

    watched: fact of a cycle -> folder of releases; another one in force there than the last cycle saw is reason enough.
    """
    journal = read_journal(job_folder(settings, name))
    last = journal["last"]
    if journal["cycle"] is not None or last is None:
        return True
    if interval_s is not None and time.time() - last["started_s"] >= interval_s:
        return True
    seen = last["facts"]
    return any(fact in seen and current_id(root) not in (None, seen[fact]) for fact, root in watched.items())


def _cycle(settings: TrainerSettings, name: str, stages: Mapping[str, Stage]) -> str:
    return run_cycle(job_folder(settings, name), stages, settings.max_attempts)


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
    from service.trainer.retraining import Retraining

    with connect(settings) as redis:
        job = Retraining(settings, redis, Archive(settings.work_dir / ARCHIVE), Publication(settings))
        return _cycle(settings, RETRAINING, job.stages())


def _train_matchers(settings: TrainerSettings) -> str:
    from service.trainer.matchers import MatcherTraining

    return _cycle(settings, MATCHERS, MatcherTraining(settings).stages())


def _build_library(settings: TrainerSettings) -> str:
    from service.trainer.library import LibraryBuild

    return _cycle(settings, LIBRARY, LibraryBuild(settings).stages())


def _read_cover_faces(settings: TrainerSettings) -> str:
    from service.trainer.cover_faces import CoverReading

    return _cycle(settings, COVER_FACES, CoverReading(settings).stages())


JOBS = (
    Job(RETRAINING, _retraining_is_due, _retrain),
    Job(
        MATCHERS,
        lambda settings: _is_due(settings, MATCHERS, settings.matcher_interval_s),
        _train_matchers,
        MATCHERS,
        lambda settings: settings.matcher_pairs is not None,
    ),
    Job(
        LIBRARY,
        lambda settings: _is_due(settings, LIBRARY, settings.library_interval_s, matcher=settings.matcher_root),
        _build_library,
        LIBRARY,
        lambda settings: settings.library_table is not None,
    ),
    Job(
        COVER_FACES,
        lambda settings: _is_due(settings, COVER_FACES, settings.cover_faces_interval_s, reader=settings.faces_root),
        _read_cover_faces,
        COVER_FACES,
        lambda settings: settings.cover_faces_interval_s is not None,
    ),
)
