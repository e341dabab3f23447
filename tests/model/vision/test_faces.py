import hashlib

import numpy as np
import pytest

from model.vision.faces import BOX_MIDDLE, BOX_SHARE, face_crop, judged_faces
from model.vision.image import Image


def image_of(pixels: np.ndarray) -> Image:
    pixels = pixels.clip(0, 255).astype(np.uint8)
    return Image(pixels, hashlib.sha256(pixels.tobytes()).hexdigest(), "image/png")


def photograph(width=300, height=200, seed=0):
    """Noise on a slope: neither flat nor blurred."""
    slope = np.linspace(20, 200, width)[None, :, None] + np.linspace(0, 40, height)[:, None, None]
    return image_of(slope + np.random.default_rng(seed).normal(0, 12, (height, width, 3)))


def landmarks_in(image: Image, x0: float, y0: float, side_px: float, turn_deg=0.0, nose=0.5):
    """68 points whose box is a square of side_px at x0, y0 (pixels), the face turned about its middle."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0.1, 0.9, (68, 2))
    points[:4] = (0, 0), (1, 0), (0, 1), (1, 1)
    points[36], points[45], points[30] = (0.2, 0.4), (0.8, 0.4), (0.2 + 0.6 * nose, 0.6)
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (points - 0.5) @ turn.T + 0.5
    return (points * side_px + (x0, y0)) / (image.width, image.height)


def codes(image, landmarks):
    (face,) = judged_faces(image, [landmarks])
    return [fault.code for fault in face.faults if fault.refused], [f.code for f in face.faults if not f.refused], face


def test_a_large_plain_face_is_read() -> None:
    image = photograph()
    refused, noted, face = codes(image, landmarks_in(image, 80, 40, 120))
    assert (refused, noted) == ([], [])
    assert face.readable
    assert face.size_px == pytest.approx(120)
    assert face.quality > 0.6
    np.testing.assert_allclose(face.box, (80 / 300, 40 / 200, 200 / 300, 160 / 200), rtol=1e-5)


def test_a_small_face_is_not_guessed_at() -> None:
    image = photograph()
    assert codes(image, landmarks_in(image, 80, 40, 63))[0] == ["too_small"]
    assert codes(image, landmarks_in(image, 80, 40, 65))[0] == []
    _, _, face = codes(image, landmarks_in(image, 80, 40, 30))
    assert face.quality == 0
    assert not face.readable


def test_a_face_that_leaves_the_image_is_refused_or_noted() -> None:
    image = photograph()
    refused, _, face = codes(image, landmarks_in(image, -90, 40, 120))
    assert "cut_off" in refused
    assert face.box[0] == 0
    assert "cut_off" in codes(image, landmarks_in(image, -20, 40, 120))[1]


def test_a_face_turned_away_is_refused_or_noted() -> None:
    image = photograph()
    assert codes(image, landmarks_in(image, 80, 40, 120, nose=-0.1))[0] == ["turned_away"]
    assert codes(image, landmarks_in(image, 80, 40, 120, nose=0.15))[1] == ["turned_away"]
    assert codes(image, landmarks_in(image, 80, 40, 120, nose=0.35))[1] == []


def test_blurred_and_flat_faces_are_refused() -> None:
    rows = np.linspace(0, 255, 300)[None, :, None] * np.ones((200, 1, 3))
    smooth = image_of(rows)
    assert codes(smooth, landmarks_in(smooth, 80, 40, 120))[0] == ["blurred"]
    grey = image_of(np.full((200, 300, 3), 120.0) + np.random.default_rng(0).normal(0, 2, (200, 300, 1)))
    assert "low_contrast" in codes(grey, landmarks_in(grey, 80, 40, 120))[0]


def test_a_drawing_of_few_tones_is_read_with_a_note() -> None:
    rng = np.random.default_rng(0)
    cells = rng.choice([20.0, 120.0, 230.0], (25, 38)).repeat(8, 0).repeat(8, 1)[:200, :300, None]
    drawing = image_of(cells * np.ones((1, 1, 3)))
    refused, noted, face = codes(drawing, landmarks_in(drawing, 80, 40, 120))
    assert (refused, noted) == ([], ["few_tones"])
    assert face.quality <= 0.5


def test_faces_come_largest_first() -> None:
    image = photograph()
    faces = judged_faces(image, [landmarks_in(image, 10, 10, 70), landmarks_in(image, 90, 40, 110)])
    assert [round(face.size_px) for face in faces] == [110, 70]
    assert judged_faces(image, []) == ()


@pytest.mark.parametrize("turn_deg", [0, 25, -60, 180])
@pytest.mark.parametrize("side_px", [48, 150])
def test_a_crop_is_upright_and_framed_as_networks_know_it(turn_deg: float, side_px: int) -> None:
    pixels = np.full((400, 500, 3), 30.0)
    image = image_of(pixels)
    landmarks = landmarks_in(image, 180, 130, 140, turn_deg)
    eyes = landmarks[[36, 45]] * (image.width, image.height)
    for colour, (x, y) in enumerate(eyes):
        pixels[int(y) - 6 : int(y) + 7, int(x) - 6 : int(x) + 7, colour] = 250
    crop = face_crop(image_of(pixels), landmarks, side_px).astype(float)
    assert crop.shape == (side_px, side_px, 3)
    found = []
    for colour in (0, 1):
        bright = np.argwhere(crop[..., colour] > 140)
        found.append(bright.mean(axis=0)[::-1] + 0.5)
    right, left = np.array(found) / side_px
    assert right[1] == pytest.approx(left[1], abs=0.03)
    assert left[0] - right[0] == pytest.approx(0.6 * BOX_SHARE, abs=0.03)
    # The eyes stand 0.4 down the landmarks' box, whose middle is BOX_MIDDLE.
    assert right[1] == pytest.approx(BOX_MIDDLE[1] - 0.1 * BOX_SHARE, abs=0.03)


def test_a_crop_beyond_the_image_repeats_its_edge() -> None:
    image = image_of(np.full((100, 100, 3), 77.0))
    assert (face_crop(image, landmarks_in(image, -60, -40, 150), 64) == 77).all()
