import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.vision.part import InputSpec, PartError, PartManifest, file_sha256, read_manifest, read_part, write_manifest

SPEC = InputSpec("images", (2, 3), "bgr", (1.0, 2.0, 3.0), (2.0, 4.0, 8.0))


@pytest.fixture
def manifest(tmp_path: Path) -> PartManifest:
    """The manifest of a part of two files, written beside them."""
    (tmp_path / "net.onnx").write_bytes(b"network")
    (tmp_path / "more.onnx").write_bytes(b"more")
    made = PartManifest(
        kind="detector",
        name="tiny",
        file="net.onnx",
        sha256=file_sha256(tmp_path / "net.onnx"),
        input=SPEC,
        outputs={"detections": "out"},
        files={"more.onnx": file_sha256(tmp_path / "more.onnx")},
        labels=("cat", "dog"),
        max_ms=5.0,
    )
    write_manifest(tmp_path / "detector.json", made)
    return made


def refusal(folder: Path, kind: str = "detector") -> str:
    with pytest.raises(PartError) as caught:
        read_part(folder / "detector.json", kind)
    return caught.value.code


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path, manifest: PartManifest) -> None:
    assert read_part(tmp_path / "detector.json", "detector") == (manifest, tmp_path / "net.onnx")


def test_labels_can_be_a_file(tmp_path: Path, manifest: PartManifest) -> None:
    (tmp_path / "names.txt").write_text("cat\ntraffic light\n")
    content = json.loads((tmp_path / "detector.json").read_text()) | {"labels": "names.txt"}
    (tmp_path / "detector.json").write_text(json.dumps(content))
    assert read_manifest(tmp_path / "detector.json") == replace(manifest, labels=("cat", "traffic light"))


@pytest.mark.parametrize("name", ["net.onnx", "more.onnx"])
def test_every_file_of_a_part_is_verified(tmp_path: Path, manifest: PartManifest, name: str) -> None:
    assert manifest.files
    (tmp_path / name).write_bytes(b"another")
    assert refusal(tmp_path) == "hash_mismatch"
    (tmp_path / name).unlink()
    assert refusal(tmp_path) == "missing_file"


def test_a_part_of_another_kind_is_refused(tmp_path: Path, manifest: PartManifest) -> None:
    assert manifest.kind != "backbone"
    assert refusal(tmp_path, "backbone") == "wrong_kind"
    (tmp_path / "detector.json").unlink()
    assert refusal(tmp_path) == "missing_file"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "oracle"},
        {"file": "../net.onnx"},
        {"files": {"/etc/passwd": "0"}},
        {"surprise": 1},
        {"input": {"name": "x", "size": [1, 1], "colour": "grey"}},
        {"input": {"name": "x", "size": [1, 1], "std": [1, 0, 1]}},
        {"input": {"size": [1, 1]}},
        {"sha256": None},
    ],
)
def test_a_manifest_that_says_nonsense_is_refused(tmp_path: Path, manifest: PartManifest, change: dict) -> None:
    assert manifest.name
    content = json.loads((tmp_path / "detector.json").read_text()) | change
    kept = {name: value for name, value in content.items() if value is not None}
    (tmp_path / "detector.json").write_text(json.dumps(kept))
    assert refusal(tmp_path) == "bad_manifest"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"detector"'])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "detector.json").write_text(text)
    assert refusal(tmp_path) == "bad_manifest"


def test_pixels_become_input_as_the_manifest_says() -> None:
    pixels = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)
    tensor = SPEC.tensor(pixels)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 2, 3), np.dtype(np.float32))
    for row in range(2):
        for column in range(3):
            red, green, blue = pixels[0, row, column].astype(float)
            expected = [(blue - 1) / 2, (green - 2) / 4, (red - 3) / 8]
            assert tensor[0, :, row, column].tolist() == expected
    assert replace(SPEC, layout="nhwc").tensor(pixels).shape == (1, 2, 3, 3)
