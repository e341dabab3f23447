import io

import numpy as np
import pytest

from model.artwork.thumbnails import MAX_SIDE, Thumbnails, thumbnail

PIL = pytest.importorskip("PIL.Image", reason="needs the extra vision")


@pytest.mark.parametrize(("shape", "expected"), [((300, 200), (64, MAX_SIDE)), ((40, 60), (60, 40))])
def test_a_picture_is_made_small_and_never_larger(shape, expected):
    pixels = np.zeros((*shape, 3), dtype=np.uint8)
    pixels[: shape[0] // 2] = (250, 10, 10)
    small = PIL.open(io.BytesIO(thumbnail(pixels)))
    assert (small.format, small.size) == ("WEBP", expected)
    colours = np.asarray(small.convert("RGB"), dtype=int)
    assert np.abs(colours[2].mean(axis=0) - (250, 10, 10)).max() < 20
    assert colours[-3].max() < 20


def test_every_cover_has_its_own_file_or_none():
    files = [b"one", b"", b"three"]
    kept = Thumbnails(Thumbnails.of(files).arrays())
    assert [kept.file(row) for row in range(len(kept))] == files
    with pytest.raises(ValueError, match="ends from 0 to 8"):
        Thumbnails(Thumbnails.of(files).arrays() | {"ends": np.array([0, 3])})
