import numpy as np
import pytest

from model.vision.adapters.onnx_faces import OnnxFaces
from model.vision.part import InputSpec, PartError
from tests.model.cover_faces.made_up import square_landmarks
from tests.model.vision.tiny_parts import constant_network, noise_image, write_part

SPEC = InputSpec("images", (32, 32))


def faces_part(folder, landmarks, scores):
    path = constant_network(
        folder / "faces.onnx", {"images": [1, 3, 32, 32]}, {"points": landmarks, "confidence": scores}
    )
    return write_part(path, "faces", SPEC, {"landmarks": "points", "scores": "confidence"})


def test_faces_of_a_network_are_judged_like_all_others(tmp_path) -> None:
    image = noise_image(0, 300, 200)
    landmarks = np.stack(
        [square_landmarks(20, 20, 60, 60, image), square_landmarks(100, 30, 220, 150, image), np.zeros((68, 2))]
    )
    finder = OnnxFaces(faces_part(tmp_path, landmarks, np.array([0.9, 0.8, 0.1])))
    large, small = finder.find(image)
    assert large.readable
    assert large.size_px == pytest.approx(120, abs=0.1)
    assert [fault.code for fault in small.faults] == ["too_small"]
    assert finder.info.name == "tiny-faces"
    assert OnnxFaces(tmp_path / "faces.json", min_score=0.95).find(image) == ()


def test_a_network_of_other_landmarks_is_refused(tmp_path) -> None:
    with pytest.raises(PartError, match=r"wrong_shape: expected landmarks .* got \[2, 5, 2\]"):
        OnnxFaces(faces_part(tmp_path, np.zeros((2, 5, 2)), np.zeros(2)))
    with pytest.raises(PartError, match="wrong_shape: expected scores"):
        OnnxFaces(faces_part(tmp_path, np.zeros((2, 68, 2)), np.zeros(3)))
