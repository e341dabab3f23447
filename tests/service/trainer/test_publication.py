"""What a cycle has written comes in force once, and in the place of what it was made to replace."""

import pytest

from model.release import read_current, set_current, write_release
from service.trainer.cycle import CycleOverError
from service.trainer.publication import CYCLE, Publication, current_id
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture
def publication(redis_server, tmp_path):
    settings = Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar").settings(keep_releases=1)
    return Publication(settings, tmp_path / "covers")


def written(publication, cycle):
    return write_release(publication.root, {"a.json": cycle.encode()}, {CYCLE: cycle})


def test_a_cycle_writes_once(publication):
    calls = []

    def write():
        calls.append(1)
        return written(publication, "c1")

    assert current_id(publication.root) is None
    first = publication.made("c1", write)
    assert (publication.made("c1", write), len(calls)) == (first, 1)
    assert current_id(publication.root) is None


def test_its_release_follows_what_was_in_force(publication):
    releases = [written(publication, f"c{number}").release_id for number in range(3)]
    for before, release_id in zip([None, *releases], releases, strict=False):
        publication.turn_to(release_id, before)
        publication.turn_to(release_id, before)  # by a process that was killed afterwards
    pointer = read_current(publication.root)
    assert (pointer.release_id, pointer.earlier) == (releases[2], (releases[1],))
    assert not (publication.root / releases[0]).exists()


@pytest.mark.parametrize("before", [None, "c0"])
def test_somebody_elses_release_stays_and_the_cycles_goes(publication, before):
    base = None if before is None else written(publication, before).release_id
    if base is not None:
        set_current(publication.root, base)
    own, other = written(publication, "c1").release_id, written(publication, "by hand").release_id
    set_current(publication.root, other)
    with pytest.raises(CycleOverError) as over:
        publication.turn_to(own, base)
    assert over.value.outcome == "overtaken"
    assert (current_id(publication.root), (publication.root / own).exists()) == (other, False)
