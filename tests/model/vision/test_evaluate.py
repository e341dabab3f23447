import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from model.vision.evaluate import Labelled, main, read_subset, true_map
from model.vision.labels import COCO80
from model.vision.segmentation import NO_CLASS, STUFF_CLASSES
from tests.model.vision.tiny_parts import detector_part, mask_part

pytest.importorskip("pycocotools", reason="the extra `bench` is not installed")
# The library's own arrays do not know a keyword of NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
CAT, PERSON = COCO80.index("cat"), COCO80.index("person")


def thing(label: str, box: list[int]) -> dict:
    x0, y0, x1, y1 = box
    return {"label": label, "iscrowd": 0, "bbox_xyxy": box, "polygons": [[x0, y0, x1, y0, x1, y1, x0, y1]]}


@pytest.fixture
def subset(tmp_path: Path) -> Path:
    """Two images with a person on the left half and a cat on it, and one of another split."""
    (tmp_path / "images").mkdir()
    objects = json.dumps([thing("cat", [8, 16, 16, 32]), thing("person", [0, 0, 32, 64])])
    rows = [
        {
            "image_id": number,
            "image": f"{number}.png",
            "width": 64,
            "height": 64,
            "coco_split": split,
            "objects": objects,
        }
        for number, split in enumerate(("val2017", "val2017", "train2017"))
    ]
    for row in rows:
        colour = (row["image_id"] * 9, 0, 0)
        Pillow.new("RGB", (64, 64), colour).save(tmp_path / "images" / row["image"])
    pl.DataFrame(rows).write_parquet(tmp_path / "images.parquet")
    return tmp_path


def test_the_true_map_has_small_things_on_large_ones(subset: Path) -> None:
    found = true_map(read_subset(subset)[0])
    assert found.shape == (64, 64)
    assert found[20, 10] == STUFF_CLASSES + CAT
    assert found[5, 5] == STUFF_CLASSES + PERSON
    assert found[5, 50] == NO_CLASS


def test_only_images_that_the_detector_has_not_seen_count(subset: Path) -> None:
    assert [one.path.name for one in read_subset(subset)] == ["0.png", "1.png"]
    assert isinstance(read_subset(subset)[0], Labelled)


@pytest.mark.parametrize(("class_of_small", "expected_map"), [(CAT, 1.0), (PERSON, 0.5)])
def test_a_perfect_detector_has_full_marks_and_a_wrong_one_has_not(
    subset: Path, tmp_path: Path, class_of_small: int, expected_map: float
) -> None:
    rows = np.array([[0, 0, 32, 64, 0.9, PERSON], [8, 16, 16, 32, 0.8, class_of_small]])
    detector_part(tmp_path, rows), mask_part(tmp_path, np.ones((8, 8)))
    out = tmp_path / "report.json"
    options = ["--data-dir", str(subset), "--parts", str(tmp_path), "--out", str(out)]
    assert main(options) == 0
    report = json.loads(out.read_text())
    assert report["images"] == 2
    assert report["map"] == pytest.approx(expected_map, abs=0.01)
    assert (report["pixel_accuracy"] == 1) == (class_of_small == CAT)
