"""Which jobs a sidecar has, and when one of those that look into folders is due."""

import time

import pytest

from model.release import set_current, write_release
from service.trainer.jobs import COVER_FACES, JOBS, LIBRARY, MATCHERS, RETRAINING, job_folder, jobs_of
from service.trainer.journal import Journal
from tests.service.trainer.surroundings import Surroundings

HOUR_S = 3_600.0


@pytest.fixture
def settings(redis_server, tmp_path):
    return Surroundings(redis_server, tmp_path, tmp_path / "sidecar").settings(
        artwork_root=tmp_path / "artwork",
        matcher_root=tmp_path / "matchers",
        library_table=tmp_path / "table.parquet",
        library_images=tmp_path,
        library_features=tmp_path,
        library_interval_s=HOUR_S,
    )


def release_in(root, content):
    release = write_release(root, {"a.json": content}, {})
    set_current(root, release.release_id)
    return release.release_id


def library_is_due(settings):
    return {job.name: job for job in JOBS}[LIBRARY].due(settings)


def ended(settings, outcome="published", **facts):
    """A cycle that has just ended."""
    journal = Journal(job_folder(settings, LIBRARY), ["look"])
    journal.begin("c1")
    journal.end(outcome, facts)


def test_a_sidecar_has_the_jobs_that_its_settings_are_for(settings, redis_server, tmp_path):
    assert [job.name for job in jobs_of(settings)] == [RETRAINING, LIBRARY]
    bare = Surroundings(redis_server, tmp_path, tmp_path / "sidecar").settings()
    assert [job.name for job in jobs_of(bare)] == [RETRAINING]
    full = settings.model_copy(update={"matcher_pairs": tmp_path, "cover_faces_interval_s": 1.0})
    assert [job.name for job in jobs_of(full)] == [RETRAINING, MATCHERS, LIBRARY, COVER_FACES]


def test_a_job_is_due_after_its_interval_or_at_once_with_another_release(settings, monkeypatch):
    assert library_is_due(settings)
    ended(settings, matcher=None)
    assert not library_is_due(settings)
    first = release_in(settings.matcher_root, b"1")
    assert library_is_due(settings)
    ended(settings, matcher=first)
    assert not library_is_due(settings)
    assert library_is_due(settings.at_once())
    release_in(settings.matcher_root, b"2")
    assert library_is_due(settings)
    ended(settings, "given_up")  # before it had seen any: the interval stands
    assert not library_is_due(settings)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + HOUR_S + 1)
    assert library_is_due(settings)


def test_a_cycle_under_way_is_due(settings):
    ended(settings, matcher=None)
    Journal(job_folder(settings, LIBRARY), ["look"]).begin("c2")
    assert library_is_due(settings)
