import random
import shutil

import pytest

from loadtest.release_drill.corruption_drill import CLASSES, refuse_all, refuse_while_serving
from loadtest.speed.release import untrained_release
from model.climber_pilot.inference import Retriever
from model.release import ReleaseError


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return untrained_release(tmp_path_factory.mktemp("whole"), items=60, max_history=20).path


def test_there_are_many_classes_and_none_is_told_by_chance():
    assert len(CLASSES) >= 24
    assert all(one.reasons for one in CLASSES.values())


def test_every_class_is_refused_for_its_reason(source):
    rows = refuse_all(source, seeds=2)
    assert {row["class"]: row["reasons"] for row in rows if row["right"] != row["tried"]} == {}
    assert len(rows) == len(CLASSES)


def test_a_service_serves_on(source, tmp_path):
    rows = refuse_while_serving(source, tmp_path)
    assert [row for row in rows if not row["right"]] == []
    assert len(rows) == sum(not one.signed for one in CLASSES.values())


def test_what_is_whole_is_not_refused(source, tmp_path):
    """The control: the drill's copies are good ones, and a loader that took everything would be found out."""
    shutil.copytree(source, tmp_path / source.name)
    Retriever.load(tmp_path / source.name)
    CLASSES["flipped_bit"].damage(tmp_path / source.name, random.Random(0))
    with pytest.raises(ReleaseError, match="hash_mismatch"):
        Retriever.load(tmp_path / source.name)
