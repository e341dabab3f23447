import pytest
import torch

from model.face_au.action_units import mirror_landmarks
from model.face_au.augmentation import augmented
from model.face_au.config import AugmentationConfig

STILL = {"mirror": False, "rotation_deg": 0.0, "shift": 0.0, "scale": 0.0, "brightness": 0.0, "contrast": 0.0}


def spots(landmarks: torch.Tensor, side: int) -> torch.Tensor:
    """Images [B, 1, S, S] with a soft bright spot on landmark 0."""
    places = (torch.arange(side) + 0.5) / side
    distance = (places[None, None, :] - landmarks[:, 0, 0, None, None]) ** 2
    distance = distance + (places[None, :, None] - landmarks[:, 0, 1, None, None]) ** 2
    return torch.exp(-distance / (2 * 0.03**2))[:, None] * 2 - 1


def test_without_changes_faces_stay_as_they_are() -> None:
    images, landmarks = torch.rand(4, 1, 16, 16), torch.rand(4, 49, 2)
    same, marks = augmented(images, landmarks, AugmentationConfig(**STILL))
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)
    torch.testing.assert_close(marks, landmarks)


@pytest.mark.parametrize("change", [{"rotation_deg": 40.0}, {"shift": 0.15}, {"scale": 0.3}, {"mirror": True}])
def test_landmarks_go_where_the_pixels_go(change) -> None:
    torch.manual_seed(2)
    landmarks = 0.35 + 0.3 * torch.rand(12, 49, 2)
    # The mirror exchanges left and right landmarks: 10 is on the bridge of the nose.
    landmarks[:, 0] = landmarks[:, 9] = landmarks[:, 10]
    side = 64
    images, marks = augmented(spots(landmarks, side), landmarks, AugmentationConfig(**(STILL | change)))
    brightest = images.flatten(1).argmax(dim=1)
    found = torch.stack([brightest % side, brightest // side], dim=-1).float().add(0.5) / side
    torch.testing.assert_close(found, marks[:, 10], atol=1.5 / side, rtol=0)
    assert not torch.allclose(marks[:, 10], landmarks[:, 10], atol=1e-3)


def test_half_of_the_faces_are_mirrored() -> None:
    torch.manual_seed(0)
    images, landmarks = torch.rand(200, 1, 4, 4), torch.rand(200, 49, 2)
    _, marks = augmented(images, landmarks, AugmentationConfig(**(STILL | {"mirror": True})))
    mirrored = torch.isclose(marks, mirror_landmarks(landmarks), atol=1e-6).flatten(1).all(dim=1)
    assert 70 < mirrored.sum() < 130


def test_erased_squares_are_grey_and_no_larger_than_asked() -> None:
    torch.manual_seed(0)
    images, _ = augmented(torch.ones(64, 1, 20, 20), torch.rand(64, 49, 2), AugmentationConfig(**STILL, erased=0.5))
    shares = (images == 0).float().mean(dim=(1, 2, 3))
    assert shares.max() <= 0.36
    assert 10 < (shares > 0).sum() < 45
