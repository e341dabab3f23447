import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from model.vision.adapters.backbone import Backbone
from model.vision.assembly import Choices, assemble
from model.vision.conversion import read_weights
from model.vision.image import Image, read_image
from model.vision.labels import COCO80
from model.vision.parts import main
from tests.model.vision.real_parts import media_folder, needs_mediapipe
from tests.model.vision.tiny_parts import noise_image

efficientnet = pytest.importorskip("efficientnet_lite_pytorch", reason="the packages of the parts are not installed")
needs_mediapipe()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What installed packages alone give."""
    out = tmp_path_factory.mktemp("parts")
    assert main(["prepare", "--out", str(out)]) == 0
    return out


def test_what_is_not_there_is_named_and_left_out(parts: Path, capsys) -> None:
    assert main(["prepare", "--out", str(parts)]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert {kind for kind, what in lines.items() if what.startswith("left out: --")} == {
        *("detector", "person-mask", "relation-head")
    }
    assert {Path(what).name for what in lines.values() if what.endswith(".json")} == {
        *("face-landmarker.json", "text-reader.json", "backbone.json")
    }


def test_the_parts_load_as_the_service_loads_them(parts: Path, capsys) -> None:
    assert main(["check", "--parts", str(parts)]) == 0
    out = capsys.readouterr().out
    assert "feature space: effnet-lite0-r36-128-face.effnet-lite0-g320/v1" in out
    assert "missing: detector" in out


def test_a_network_with_another_hash_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "centernet.onnx").write_bytes(b"another network")
    assert main(["prepare", "--out", str(tmp_path / "parts"), "--networks", str(tmp_path)]) == 2
    assert "hash_mismatch" in capsys.readouterr().err
    assert not (tmp_path / "parts" / "detector.json").exists()


@pytest.mark.parametrize("side", [32, 64, 128, 224, 320])
def test_the_converted_backbone_equals_the_packaged_one_at_every_side(parts: Path, side: int) -> None:
    network = efficientnet.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(read_weights())
    image = noise_image(1, side, side)
    scaled = (torch.from_numpy(image.pixels.copy()).float() - 127) / 128
    with torch.inference_mode():
        expected = network.eval().extract_features(scaled.permute(2, 0, 1)[None])[0].numpy()
    found = Backbone(parts / "backbone.json").whole(image, side)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_face_on_a_photograph_becomes_a_region(parts: Path) -> None:
    image = read_image(media_folder("faces") / "samples" / "single_face.jpg")
    with closing(assemble(parts)) as front_end:
        regions = front_end.describe(image).regions
    assert regions is not None
    assert regions.sources[:2] == ("face", "grid")
    assert regions.boxes is not None
    x0, y0, x1, y1 = regions.boxes[0]
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1


def test_text_becomes_regions_of_another_space_where_asked_for(parts: Path) -> None:
    canvas = Pillow.new("RGB", (400, 200), "white")
    ImageDraw.Draw(canvas).text((20, 10), "FIRST", fill="black", font=ImageFont.load_default(size=40))
    image = Image(np.asarray(canvas), "0" * 64, "image/png")
    with closing(assemble(parts, Choices(with_text=True, text_boxes=True))) as front_end:
        found = front_end.describe(image)
    assert found.feature_space == "effnet-lite0-r36-128-face+ppocrv6-480.effnet-lite0-g320/v1"
    assert found.regions is not None
    assert (found.regions.labels[0], found.regions.sources[:2]) == ("text", ("text", "grid"))
    assert [line.text for line in found.texts or ()] == ["FIRST"]


def test_photographs_are_described_by_the_packaged_networks(tmp_path: Path) -> None:
    networks, photographs = media_folder("models-itm"), media_folder("coco-subset")
    assert main(["prepare", "--out", str(tmp_path), "--networks", str(networks)]) == 0
    assert json.loads((tmp_path / "detector.json").read_text())["labels"] == list(COCO80)
    with closing(assemble(tmp_path)) as front_end:
        found = [front_end.describe(read_image(path)) for path in sorted((photographs / "images").iterdir())[:4]]
    for features in found:
        assert features.feature_space == ("effnet-lite0-r36-128-centernet+face.effnet-lite0-g320.boxes+person-mask/v1")
        assert features.regions is not None
        assert np.isfinite(features.regions.features).all()
        assert features.grid is not None
        assert features.grid.shape == (1280, 10, 10)
    assert any(features.segments is not None and features.segments.present.any() for features in found)
