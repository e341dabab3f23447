import dataclasses

import numpy as np
import pytest
import torch

from model.face_au.frames import Frames
from tests.model.face_au.faces import drawn_frames


@pytest.fixture
def frames(tmp_path):
    return drawn_frames(tmp_path / "faces", 20)


def test_rates_and_prior_are_counts_of_what_is_known(frames: Frames) -> None:
    labels = frames.labels.copy()
    labels[3:6, 0] = np.nan
    frames = dataclasses.replace(frames, labels=labels)
    known = ~np.isnan(labels)
    rates = [labels[known[:, unit], unit].mean() for unit in range(6)]
    np.testing.assert_allclose(frames.rates(), rates, rtol=1e-6)
    prior = frames.prior()
    for i in range(6):
        for j in range(6):
            both = known[:, i] & known[:, j] & (labels[:, i] == 1)
            assert prior[i, j] == pytest.approx(labels[both, j].mean())
    assert torch.equal(prior.diagonal(), torch.ones(6))


def test_a_unit_that_never_occurs_has_no_rate(frames: Frames) -> None:
    labels = frames.labels.copy()
    labels[:, 2] = 0
    with pytest.raises(ValueError, match="AU06"):
        dataclasses.replace(frames, labels=labels).rates()


def test_the_mean_shape_leaves_out_what_is_not_known(frames: Frames) -> None:
    landmarks = frames.landmarks.copy()
    landmarks[1:] = np.nan
    np.testing.assert_array_equal(dataclasses.replace(frames, landmarks=landmarks).mean_landmarks(), landmarks[0])
    landmarks[0] = np.nan
    with pytest.raises(ValueError, match="landmarks, got none"):
        dataclasses.replace(frames, landmarks=landmarks).mean_landmarks()


def test_columns_that_do_not_fit_are_refused(frames: Frames) -> None:
    with pytest.raises(ValueError, match="expected labels"):
        dataclasses.replace(frames, labels=frames.labels[:, :3])
    with pytest.raises(ValueError, match="people"):
        dataclasses.replace(frames, people=frames.people[:3])
    assert frames.take(np.array([4, 2])).people == (frames.people[4], frames.people[2])
