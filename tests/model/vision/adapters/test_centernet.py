from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.centernet import CenterNet
from model.vision.labels import COCO80
from model.vision.part import PartError
from tests.model.vision.tiny_parts import detector_part, solid_image

CAT, DOG = COCO80.index("cat"), COCO80.index("dog")
# x0 y0 x1 y1 in the 64 pixels of the input, score, class.
ROWS = np.array(
    [
        [0, 0, 32, 32, 0.9, CAT],
        [1, 1, 32, 32, 0.8, CAT],
        [1, 1, 32, 32, 0.7, DOG],
        [10, 10, 20, 20, 0.01, DOG],
        [50, 40, 40, 50, 0.6, DOG],
        [-5, 30, 70, 60, 0.5, CAT],
    ]
)


def test_a_class_finds_a_thing_once_and_weak_or_empty_boxes_go(tmp_path: Path) -> None:
    found = CenterNet(detector_part(tmp_path, ROWS)).detect(solid_image(64, 64))
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert found.classes.tolist() == [CAT, DOG, CAT]
    np.testing.assert_allclose(found.boxes, [[0, 0, 0.5, 0.5], [1 / 64, 1 / 64, 0.5, 0.5], [0, 30 / 64, 1, 60 / 64]])


@pytest.mark.parametrize(("width", "height"), [(64, 32), (200, 100)])
def test_boxes_are_shares_of_the_image_and_not_of_its_letterbox(tmp_path: Path, width: int, height: int) -> None:
    """A wide image fills the upper half of the input."""
    heatmap = np.zeros((16, 16, 80))
    heatmap[:8] = 1
    detector = CenterNet(detector_part(tmp_path, np.array([[16, 8, 48, 24, 0.9, CAT]]), heatmap))
    found = detector.detect(solid_image(width, height))
    np.testing.assert_allclose(found.boxes, [[0.25, 0.25, 0.75, 0.75]])
    assert found.heatmap.shape == (8, 16, 80)
    assert (found.heatmap == 1).all()


def test_other_shapes_and_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PartError, match=r"expected detections as \[1, None, 6\], got \[1, 6, 5\]"):
        CenterNet(detector_part(tmp_path, ROWS[:, :5]))
    with pytest.raises(PartError, match="wrong_shape: expected heatmap"):
        CenterNet(detector_part(tmp_path, ROWS, np.zeros((16, 8, 80))))
    with pytest.raises(PartError, match="expected 80 labels"):
        CenterNet(detector_part(tmp_path, ROWS, labels=("cat", "dog")))
