import numpy as np
import pytest
import torch

from model.face_au.action_units import mirror_landmarks
from model.face_au.pixels import Pixels
from model.face_au.reading import MirroredReader, landmark_errors, read_frames
from tests.model.face_au.faces import drawn_frames, small_network


def test_a_mirrored_face_has_the_same_units_and_mirrored_landmarks() -> None:
    reader, faces = MirroredReader(small_network()), torch.rand(4, 1, 32, 32)
    with torch.inference_mode():
        units, landmarks = reader(faces)
        mirrored_units, mirrored = reader(faces.flip(-1))
    torch.testing.assert_close(mirrored_units, units, atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored, mirror_landmarks(landmarks), atol=1e-5, rtol=0)


def test_frames_are_read_in_order_whatever_the_batches(tmp_path, monkeypatch) -> None:
    network, frames = small_network(), drawn_frames(tmp_path, 10)
    pixels = Pixels(frames.paths, 32, 1)
    whole = read_frames(network, pixels, 10)
    monkeypatch.setattr("model.face_au.reading.BATCH_SIZE", 3)
    parts = read_frames(network, pixels, 10)
    assert whole.probabilities.shape == (10, 6)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(parts.landmarks, whole.landmarks, atol=1e-6)


def test_landmark_errors_are_told_in_distances_of_the_outer_eye_corners() -> None:
    wanted = np.random.default_rng(0).random((2, 49, 2))
    wanted[:, 19], wanted[:, 28] = (0.2, 0.5), (0.6, 0.8)
    found = wanted + np.array([0.03, 0.04])
    np.testing.assert_allclose(landmark_errors(found, wanted), [0.05 / 0.5] * 2)
    wanted[1] = np.nan
    assert np.isnan(landmark_errors(found, wanted)).tolist() == [False, True]
    assert landmark_errors(found, wanted)[0] == pytest.approx(0.1)
