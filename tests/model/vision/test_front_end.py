from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.vision.assembly import Choices, assemble
from model.vision.front_end import FrontEnd
from model.vision.labels import PANOPTIC133
from model.vision.part import PartError, PartInfo
from model.vision.regions import Regions
from model.vision.relations import Relations
from tests.model.vision.tiny_parts import (
    Reader,
    backbone_part,
    bottomup_part,
    detector_part,
    mask_part,
    panoptic_part,
    solid_image,
)

ROWS = np.array([[0, 0, 32, 32, 0.9, 0], [32, 32, 64, 64, 0.8, 15]])
CHOICES = Choices(crop_side=32, grid_side=64)


class Relater:
    info = PartInfo("relation-head", "tiny-relations")

    def relate(self, regions: Regions) -> Relations:
        assert len(regions.labels) == 36
        return Relations(np.array([[0, 0, 1]], np.int16), np.array([0.7], np.float32), ("near",))


def full(folder: Path) -> FrontEnd:
    backbone_part(folder), detector_part(folder, ROWS), mask_part(folder, np.ones((4, 4)))
    return replace(assemble(folder, CHOICES), relations=Relater())


def test_everything_that_parts_find_is_told(tmp_path: Path) -> None:
    front_end = full(tmp_path)
    found = front_end.describe(solid_image(64, 64))
    assert found.regions is not None
    assert found.regions.labels[:3] == ("person", "cat", "region")
    assert found.grid is not None
    assert found.grid.shape == (8, 2, 2)
    assert found.segments is not None
    assert found.segments.present.sum() == 2
    assert found.relations is not None
    assert found.relations.words(found.regions.labels) == ["person near cat"]
    assert found.texts is None
    assert (found.sha256, found.image_size) == ("a" * 64, (64, 64))
    assert found.feature_space == front_end.feature_space
    assert found.parts == {
        **{"regions": "tiny8-r36-32-tiny-detector", "grid": "tiny8-g64", "segments": "boxes+tiny-person-mask"},
        **{"relations": "tiny-relations", "labels": "coco80", "stuff": "false"},
    }


def test_the_same_image_has_the_same_features(tmp_path: Path) -> None:
    front_end = full(tmp_path)
    first, second = (front_end.describe(solid_image(name="c")) for _ in range(2))
    assert first.regions is not None
    assert second.regions is not None
    np.testing.assert_array_equal(first.regions.features, second.regions.features)
    np.testing.assert_array_equal(first.grid, second.grid)


def test_each_missing_part_makes_another_smaller_space(tmp_path: Path) -> None:
    """A role that no part fills is None in the features, absent from the name, and its reason is told."""
    whole = full(tmp_path)
    spaces = {whole.feature_space}
    (tmp_path / "person-mask.json").unlink()
    without_mask = assemble(tmp_path, CHOICES)
    assert without_mask.segments is not None
    assert "person-mask" in without_mask.missing
    spaces.add(without_mask.feature_space)
    (tmp_path / "detector.json").unlink()
    without_detector = assemble(tmp_path, CHOICES)
    found = without_detector.describe(solid_image())
    assert (found.segments, found.relations) == (None, None)
    assert found.regions is not None
    assert set(found.regions.sources) == {"grid"}
    assert set(without_detector.missing) == {"detector", "face-landmarker", "relation-head"}
    assert found.parts == {"regions": "tiny8-r36-32-grid", "grid": "tiny8-g64", "labels": "none"}
    spaces |= {without_detector.feature_space, assemble(tmp_path, Choices(64, 64)).feature_space}
    spaces |= {replace(whole, **{role: None}).feature_space for role in ("grid", "segments", "relations")}
    assert len(spaces) == 7


def test_text_is_read_beside_the_space(tmp_path: Path) -> None:
    front_end = full(tmp_path)
    reading = replace(front_end, text=Reader())
    assert reading.feature_space == front_end.feature_space
    assert [line.text for line in reading.describe(solid_image()).texts or ()] == ["ABBA"]
    assert "text" in assemble(tmp_path, Choices(32, 64, with_text=True)).missing["text-reader"]


def test_every_stage_is_timed_once(tmp_path: Path) -> None:
    times = []
    full(tmp_path).describe(solid_image(), lambda stage, duration_s: times.append((stage, duration_s)))
    assert [stage for stage, _ in times] == ["regions", "grid", "segments", "relations"]
    assert all(duration_s >= 0 for _, duration_s in times)


def test_networks_for_the_real_thing_take_the_place_of_the_packaged(tmp_path: Path) -> None:
    detector_part(tmp_path, ROWS)
    rng = np.random.default_rng(0)
    bottomup_part(
        tmp_path, rng.random((40, 4)), rng.random((40, 3)), rng.random((40, 6)), labels=("a", "b"), name="vg-r36"
    )
    scores, ids = np.zeros((1, 133, 8, 8)), np.zeros((1, 8, 8))
    panoptic_part(tmp_path, {"fcn_score": scores, "panoptic": ids}, PANOPTIC133, name="upsnet")
    front_end = assemble(tmp_path, CHOICES)
    assert front_end.feature_space == "vg-r36.upsnet/v1"
    assert front_end.parts["stuff"] == "true"
    assert front_end.describe(solid_image()).grid is None


def test_a_folder_that_makes_no_features_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a part for regions or grid"):
        assemble(tmp_path)
    with pytest.raises(PartError, match="expected a folder of parts"):
        assemble(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="regions beside one for relations"):
        FrontEnd(grid=full(tmp_path).grid, relations=Relater())


def test_a_broken_part_stops_the_start_and_is_not_left_out(tmp_path: Path) -> None:
    backbone_part(tmp_path), detector_part(tmp_path, ROWS[:, :4])
    with pytest.raises(PartError, match="expected detections"):
        assemble(tmp_path)
    (tmp_path / "detector.json").write_text("{}")
    with pytest.raises(PartError, match="bad_manifest"):
        assemble(tmp_path)


def test_two_parts_of_one_kind_are_refused(tmp_path: Path) -> None:
    path = backbone_part(tmp_path)
    (tmp_path / "second.json").write_text(path.read_text())
    with pytest.raises(PartError, match="expected one backbone"):
        assemble(tmp_path)


def test_what_parts_hold_is_let_go_once_asked(tmp_path: Path) -> None:
    closed = []
    replace(full(tmp_path), closers=(lambda: closed.append("faces"),)).close()
    assert closed == ["faces"]
