from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.backbone import Backbone
from model.vision.adapters.centernet import CenterNet
from model.vision.adapters.packaged_regions import COUNT, PackagedRegions
from model.vision.adapters.text_boxes import TextBoxes
from model.vision.boxes import grid_cells
from model.vision.image import Image
from model.vision.labels import COCO80
from model.vision.part import PartInfo
from model.vision.proposals import Proposal
from model.vision.text import TextLine
from tests.model.vision.tiny_parts import CHANNELS, backbone_part, detector_part, solid_image


def things(count: int) -> np.ndarray:
    """Boxes of as many classes, each weaker than the one before."""
    number = np.arange(count)
    box = np.stack([number % 8, number // 8, number % 8 + 8, number // 8 + 8], axis=1)
    return np.concatenate([box, (0.9 - number / 100)[:, None], number[:, None]], axis=1)


@dataclass
class Faces:
    count: int
    info: PartInfo = field(default_factory=lambda: PartInfo("face-landmarker", "face"))

    def propose(self, _image: Image) -> list[Proposal]:
        return [Proposal((0.0, 0.0, 0.1, 0.1), "face", 0.5, "face")] * self.count


@dataclass
class Lines:
    info: PartInfo = field(default_factory=lambda: PartInfo("text-reader", "tiny-reader"))

    def read(self, _image: Image) -> list[TextLine]:
        quad = ((0.1, 0.2), (0.5, 0.1), (0.6, 0.3), (0.2, 0.4))
        return [TextLine("weak", 0.6, quad), TextLine("ABBA", 0.9, quad)]


@pytest.fixture
def backbone(tmp_path: Path) -> Backbone:
    return Backbone(backbone_part(tmp_path))


@pytest.mark.parametrize(("found", "faces"), [(0, 0), (5, 0), (5, 2), (36, 0), (40, 0), (36, 20), (0, 20)])
def test_there_are_always_36_regions(tmp_path: Path, backbone: Backbone, found: int, faces: int) -> None:
    detector = CenterNet(detector_part(tmp_path, things(found) if found else np.zeros((1, 6))))
    extractor = PackagedRegions(backbone, detector, [Faces(faces)], crop_side=32)
    regions = extractor.extract(solid_image(64, 64))
    of_faces = min(faces, 8)
    of_detector = min(found, COUNT - of_faces)
    cells = COUNT - of_faces - of_detector
    assert regions.sources == ("face",) * of_faces + ("detector",) * of_detector + ("grid",) * cells
    assert regions.labels == ("face",) * of_faces + COCO80[:of_detector] + ("region",) * cells
    assert regions.features.shape == (COUNT, CHANNELS)
    assert regions.boxes is not None
    assert (regions.boxes >= 0).all()
    assert (regions.boxes <= 1).all()
    np.testing.assert_array_equal(regions.boxes[COUNT - cells :], grid_cells(cells))
    assert (regions.scores[COUNT - cells :] == 0).all()
    assert (regions.scores[: COUNT - cells] > 0).all()


def test_the_name_says_where_boxes_are_from(tmp_path: Path, backbone: Backbone) -> None:
    detector = CenterNet(detector_part(tmp_path, things(1)))
    names = [
        PackagedRegions(backbone, detector, [Faces(0), TextBoxes(Lines())]).info.name,
        PackagedRegions(backbone, detector).info.name,
        PackagedRegions(backbone, None, [Faces(0)], crop_side=64).info.name,
        PackagedRegions(backbone, None).info.name,
    ]
    assert names == [
        "tiny8-r36-128-tiny-detector+face+tiny-reader",
        "tiny8-r36-128-tiny-detector",
        "tiny8-r36-64-face",
        "tiny8-r36-128-grid",
    ]


def test_text_becomes_upright_boxes_surest_first() -> None:
    first, second = TextBoxes(Lines()).propose(solid_image())
    assert (first.label, first.source, first.score, second.score) == ("text", "text", 0.9, 0.6)
    assert first.box == (0.1, 0.1, 0.6, 0.4)
