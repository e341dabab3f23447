"""Faces of covers are read where pictures or the reader have changed, and no picture twice."""

import shutil
from contextlib import nullcontext

import pytest

from model.cover_faces import build
from model.cover_faces.build import read_cover
from model.cover_faces.profiles import CoverFaces
from model.release import current_release, read_current, set_current
from service.trainer.cover_faces import CoverReading
from service.trainer.cycle import run_cycle
from service.trainer.jobs import COVER_FACES, job_folder
from service.trainer.journal import read_journal
from tests.model.cover_faces.made_up import SquareFinder, write_cover, write_reader
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Two releases of readers, the first in force, and the id of the second."""
    root = tmp_path_factory.mktemp("readers") / "root"
    first, second = (write_reader(root, seed) for seed in (0, 1))
    set_current(root, first.release_id)
    return root, second.release_id


@pytest.fixture
def settings(redis_server, tmp_path, readers):
    for number, sides in enumerate([(100,), (80, 120), ()]):
        write_cover(tmp_path / "covers" / f"{number}.png", *sides, seed=number)
    shutil.copytree(readers[0], tmp_path / "readers")
    return Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar").settings(
        cover_images=tmp_path / "covers",
        faces_root=tmp_path / "readers",
        cover_faces_root=tmp_path / "cover-faces",
        cover_faces_interval_s=0.0,
    )


@pytest.fixture
def read(monkeypatch):
    """Ids of the covers that were read, in order."""
    ids = []
    monkeypatch.setattr(
        build, "read_cover", lambda cover_id, *rest: ids.append(cover_id) or read_cover(cover_id, *rest)
    )
    return ids


def cycle(settings):
    job = CoverReading(settings, lambda: nullcontext(SquareFinder()))
    return run_cycle(job_folder(settings, COVER_FACES), job.stages(), settings.max_attempts)


def faces_of(settings):
    return CoverFaces.load(current_release(settings.cover_faces_root))


def last_of(settings):
    return read_journal(job_folder(settings, COVER_FACES))["last"]


def test_only_what_is_new_is_read(settings, read):
    assert cycle(settings) == "published"
    assert read == ["0", "1", "2"]
    assert last_of(settings)["facts"]["with_faces"] == 2
    assert cycle(settings) == "unchanged"
    write_cover(settings.cover_images / "0.png", 90, seed=9)
    write_cover(settings.cover_images / "new.png", 70, seed=8)
    write_cover(settings.cover_images / "copy.png", 80, 120, seed=1)
    (settings.cover_images / "2.png").unlink()
    assert cycle(settings) == "published"
    assert sorted(read[3:]) == ["0", "new"]
    faces = faces_of(settings)
    assert [profile.cover_id for profile in faces] == ["0", "1", "copy", "new"]
    assert faces.profile("copy").faces == faces.profile("1").faces
    assert not list(settings.cover_faces_root.glob(".work-*"))


def test_another_reader_reads_them_all(settings, read, readers):
    cycle(settings)
    set_current(settings.faces_root, readers[1])
    assert cycle(settings) == "published"
    assert read == ["0", "1", "2"] * 2
    assert faces_of(settings).facts["reader"] == readers[1]


def test_a_killed_cycle_reads_no_picture_twice(settings, read, monkeypatch):
    monkeypatch.setattr(build, "SHARD_COVERS", 1)
    reading = build.read_cover

    def dying(cover_id, *rest):
        if cover_id == "2" and len(read) == 2:
            raise KeyboardInterrupt
        return reading(cover_id, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(build, "read_cover", dying)
        with pytest.raises(KeyboardInterrupt):
            cycle(settings)
    begun = read_journal(job_folder(settings, COVER_FACES))
    assert (begun["stage"], read) == ("read", ["0", "1"])
    assert cycle(settings) == "published"
    assert (last_of(settings)["cycle"], read) == (begun["cycle"], ["0", "1", "2"])
    assert len(faces_of(settings)) == 3


def test_without_a_reader_it_waits_for_one(settings):
    (settings.faces_root / "current").unlink()
    assert cycle(settings) == "no_reader"
    assert last_of(settings)["facts"] == {"reader": None}


def test_somebody_elses_release_is_not_replaced(settings):
    cycle(settings)
    write_cover(settings.cover_images / "new.png", 70, seed=8)
    stages = CoverReading(settings, lambda: nullcontext(SquareFinder())).stages()
    publish, other = stages["publish"], []

    def late(work, journal):
        other.append(build.build_release(settings.cover_images, settings.cover_faces_root, *parts).release_id)
        return publish(work, journal)

    parts = (build.FaceAuReader(current_release(settings.faces_root)), SquareFinder())
    assert run_cycle(job_folder(settings, COVER_FACES), {**stages, "publish": late}, 3) == "overtaken"
    assert read_current(settings.cover_faces_root).release_id == other[0]
    assert sum(path.is_dir() for path in settings.cover_faces_root.iterdir()) == 2  # its own is gone
