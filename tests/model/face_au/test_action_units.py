import numpy as np
import pytest
import torch

from model.face_au.action_units import CENTRES, FROM_68, MIRRORED, NAMES, NUM_LANDMARKS, au_centres, mirror_landmarks


def test_the_49_landmarks_are_the_68_without_jaw_and_inner_mouth_corners() -> None:
    assert len(FROM_68) == NUM_LANDMARKS
    assert set(range(68)) - set(FROM_68) == {*range(17), 60, 64}


def test_every_centre_has_a_name_and_known_landmarks() -> None:
    assert set(CENTRES) == set(NAMES)
    assert all(0 <= point < NUM_LANDMARKS for centre in CENTRES.values() for point in centre.points)


def test_centres_lie_on_landmarks_shifted_by_the_distance_of_the_inner_eye_corners() -> None:
    landmarks = torch.rand(3, NUM_LANDMARKS, 2, dtype=torch.float64)
    found = au_centres(landmarks, ("AU06", "AU12", "AU01"))
    span = (landmarks[:, 22, 0] - landmarks[:, 25, 0]).abs()
    for place, (points, down) in enumerate((((24, 29), 1.0), ((31, 37), 0.0), ((4, 5), -0.5))):
        for side, point in enumerate(points):
            wanted = landmarks[:, point] + torch.stack([torch.zeros_like(span), down * span], dim=-1)
            torch.testing.assert_close(found[:, place, side], wanted)


def test_mirroring_twice_gives_the_same_landmarks() -> None:
    assert sorted(MIRRORED) == list(range(NUM_LANDMARKS))
    landmarks = torch.rand(2, NUM_LANDMARKS, 2, dtype=torch.float64)
    torch.testing.assert_close(mirror_landmarks(mirror_landmarks(landmarks)), landmarks)


@pytest.mark.parametrize("au", sorted(CENTRES))
def test_the_two_centres_of_a_unit_change_places_in_the_mirror(au: str) -> None:
    landmarks = torch.rand(1, NUM_LANDMARKS, 2, dtype=torch.float64)
    plain, mirrored = au_centres(landmarks, (au,)), au_centres(mirror_landmarks(landmarks), (au,))
    left, right = CENTRES[au].points
    if MIRRORED[left] == right:
        np.testing.assert_allclose(mirrored[0, 0, 0, 0], 1 - plain[0, 0, 1, 0])
        np.testing.assert_allclose(mirrored[0, 0, :, 1].flip(0), plain[0, 0, :, 1])
    else:
        # One centre on the middle of the face, or a pair that the published table does not mirror.
        assert {left, right} & {34, 40, 31, 37, 15, 17, 39, 41, 43, 45} == {left, right}
