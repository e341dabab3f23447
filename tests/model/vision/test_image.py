import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageOps

from model.vision.image import ImageError, ImageLimits, decode_image, read_image

# Pillow warns about what is broken and goes on: that is what is asked of it here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def picture(width: int = 40, height: int = 24, mode: str = "RGB") -> Pillow.Image:
    """Smooth colours, so that compression changes little; no symmetry."""
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.stack([across * 255 / width, down * 255 / height, np.full_like(across, 60)], axis=2)
    return Pillow.fromarray(pixels.astype(np.uint8)).convert(mode)


def encoded(image: Pillow.Image, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def refusal(content: bytes, **limits) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(content, ImageLimits(**limits))
    return caught.value.code


@pytest.mark.parametrize("image_format", TYPES)
def test_an_image_keeps_its_pixels_type_and_hash(image_format: str) -> None:
    content = encoded(picture(), image_format, quality=95)
    image = decode_image(content)
    assert (image.width, image.height, image.media_type) == (40, 24, TYPES[image_format])
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert np.abs(image.pixels.astype(int) - np.asarray(picture())).max() <= 12
    assert not image.pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_exif_is_undone(orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    content = encoded(picture(), "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Pillow.open(io.BytesIO(content)))
    np.testing.assert_array_equal(decode_image(content).pixels, np.asarray(expected))


def test_broken_metadata_does_not_make_a_picture_unusable() -> None:
    content = encoded(picture(), "JPEG")
    exif = b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    broken = content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]
    np.testing.assert_array_equal(decode_image(broken).pixels, decode_image(content).pixels)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    source = picture(mode=mode)
    content = encoded(source, "JPEG" if mode == "CMYK" else "PNG")
    assert decode_image(content).pixels.shape == (24, 40, 3)


def test_sixteen_bits_of_grey_are_scaled_not_clipped() -> None:
    grey = Pillow.fromarray(np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16))
    pixels = decode_image(encoded(grey, "PNG")).pixels
    assert (int(pixels.min()), int(pixels.max())) == (0, 255)
    assert len(np.unique(pixels)) == 256


def test_transparency_is_laid_on_white() -> None:
    clear = Pillow.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert (decode_image(encoded(clear, "PNG")).pixels == 255).all()


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "cover.png"
    path.write_bytes(encoded(picture(), "JPEG"))
    assert read_image(path).media_type == "image/jpeg"


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_types_are_refused_by_name(image_format: str) -> None:
    assert refusal(encoded(picture(32, 32), image_format)) == "unsupported_type"


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8", b"RIFF"]
)
def test_what_begins_like_no_image_is_none(content: bytes) -> None:
    assert refusal(content) == "not_an_image"


@pytest.mark.parametrize("image_format", TYPES)
def test_a_file_that_breaks_off_is_refused(image_format: str) -> None:
    content = encoded(picture(), image_format)
    assert {refusal(content[: len(content) * share // 10]) for share in (4, 6, 8)} == {"truncated"}


def test_limits_are_counted_in_bytes_and_pixels() -> None:
    content = encoded(picture(), "PNG")
    assert decode_image(content, ImageLimits(len(content), 40 * 24, 24)).width == 40
    assert refusal(content, max_bytes=len(content) - 1) == "too_large"
    assert refusal(content, max_pixels=40 * 24 - 1) == "too_many_pixels"
    assert refusal(content, min_side=25) == "too_small"


def test_a_file_beyond_the_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(ImageError, match="too_large"):
        read_image(path)


@pytest.mark.parametrize("side", [6_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    """A kilobyte that claims up to ten gigabytes of pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 16))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    assert len(content) < 1_000
    assert refusal(content) == "too_many_pixels"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TYPES)), st.data())
def test_damage_is_an_image_error_and_nothing_else(image_format: str, data: st.DataObject) -> None:
    content = bytearray(encoded(picture(), image_format))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    try:
        pixels = decode_image(bytes(content)).pixels
    except ImageError:
        return
    assert (pixels.ndim, pixels.shape[2]) == (3, 3)


@given(st.binary(max_size=64))
def test_noise_is_never_an_image(content: bytes) -> None:
    with pytest.raises(ImageError):
        decode_image(content)
