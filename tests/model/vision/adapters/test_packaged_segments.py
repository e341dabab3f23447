from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.vision.adapters.centernet import CenterNet
from model.vision.adapters.packaged_segments import PackagedSegments, cell_maxima
from model.vision.adapters.person_mask import PersonMask
from model.vision.labels import COCO80
from model.vision.part import PartError
from model.vision.segmentation import NO_CLASS, STUFF_CLASSES
from tests.model.vision.tiny_parts import detector_part, mask_part, solid_image

PERSON, CAT = COCO80.index("person"), COCO80.index("cat")
# A person on the left half, a cat within it, and a cat that nobody can be sure of.
ROWS = np.array([[16, 16, 32, 32, 0.9, CAT], [0, 0, 32, 64, 0.8, PERSON], [40, 0, 64, 64, 0.29, CAT]])


def segments_of(folder: Path, mask: np.ndarray | None = None, heatmap: np.ndarray | None = None):
    detector = CenterNet(detector_part(folder, ROWS, heatmap))
    return PackagedSegments(detector, None if mask is None else PersonMask(mask_part(folder, mask)))


def test_smaller_things_are_painted_over_larger_ones(tmp_path: Path) -> None:
    found = segments_of(tmp_path).segment(solid_image(64, 64))
    expected = np.full((64, 64), NO_CLASS)
    expected[:, :32] = STUFF_CLASSES + PERSON
    expected[16:32, 16:32] = STUFF_CLASSES + CAT
    np.testing.assert_array_equal(found.ids, expected)
    assert np.flatnonzero(found.present).tolist() == [STUFF_CLASSES + PERSON, STUFF_CLASSES + CAT]
    assert not found.has_stuff
    assert (found.semantic[:STUFF_CLASSES] == 0).all()


def test_people_are_cut_out_by_their_mask_and_cats_are_not(tmp_path: Path) -> None:
    mask = np.zeros((32, 32))
    mask[:8] = 1
    found = segments_of(tmp_path, mask).segment(solid_image(64, 64))
    expected = np.full((64, 64), NO_CLASS)
    expected[:16, :32] = STUFF_CLASSES + PERSON
    expected[16:32, 16:32] = STUFF_CLASSES + CAT
    np.testing.assert_array_equal(found.ids, expected)


def test_the_name_says_whether_there_is_a_mask(tmp_path: Path) -> None:
    assert segments_of(tmp_path).info.name == "boxes"
    assert segments_of(tmp_path, np.ones((4, 4))).info.name == "boxes+tiny-person-mask"
    with pytest.raises(PartError, match="expected person as"):
        PersonMask(mask_part(tmp_path, np.ones((4, 4, 1))))


def test_channels_are_the_strongest_place_of_each_cell(tmp_path: Path) -> None:
    heatmap = np.zeros((16, 16, 80))
    heatmap[0, 15, CAT] = 0.7
    found = segments_of(tmp_path, heatmap=heatmap).segment(solid_image(64, 64))
    assert np.argwhere(found.semantic).tolist() == [[STUFF_CLASSES + CAT, 0, 6]]
    assert found.semantic.max() == pytest.approx(0.7)


@given(st.integers(7, 40), st.integers(7, 40))
def test_every_place_is_in_one_cell(height: int, width: int) -> None:
    heatmap = np.arange(height * width, dtype=float).reshape(height, width, 1)
    found = cell_maxima(heatmap, 7)
    rows, columns = np.arange(height) * 7 // height, np.arange(width) * 7 // width
    for row in range(7):
        for column in range(7):
            cell = heatmap[np.ix_(rows == row, columns == column)]
            assert found[0, row, column] == cell.max()


def test_a_wide_image_has_fewer_rows_in_its_heatmap(tmp_path: Path) -> None:
    found = segments_of(tmp_path).segment(solid_image(1000, 10))
    assert found.semantic.shape == (133, 7, 7)
