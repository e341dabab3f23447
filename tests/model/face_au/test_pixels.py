import numpy as np
from PIL import Image

from model.face_au.pixels import Pixels, face_pixels, normalised


def test_pixels_have_the_asked_size_and_channels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    assert face_pixels(image, 32, 1).shape == (1, 32, 32)
    assert face_pixels(image, 32, 3).shape == (3, 32, 32)
    np.testing.assert_array_equal(face_pixels(image[:, :40], 40, 3), image[:, :40].transpose(2, 0, 1))


def test_normalised_pixels_span_minus_one_to_one() -> None:
    found = normalised(np.array([0, 255], np.uint8))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [-1, 1])


def test_images_are_the_same_whether_they_were_kept_or_not(tmp_path) -> None:
    paths = []
    for row in range(3):
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(np.full((20, 20), 40 * row, np.uint8)).save(paths[-1])
    kept, read_again = Pixels(paths, 16, 1), Pixels(paths, 16, 1, max_bytes=0)
    for rows in ([0, 2], [2, 1, 0], [0]):
        np.testing.assert_array_equal(kept.batch(rows), read_again.batch(rows))
    assert kept.batch([1]).shape == (1, 1, 16, 16)
