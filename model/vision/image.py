"""Image: an upload's bytes, checked and decoded to RGB before anything else looks at them."""

import hashlib
import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

# Pillow's name of a format -> its media type.
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_EXIF_ORIENTATION = 0x0112
# Images that people do send and that are refused by name, not as noise: GIF, BMP, TIFF, PSD, JPEG 2000, JPEG XL, ICO.
_OTHER_IMAGES = (
    *(b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"8BPS"),
    *(b"\x00\x00\x00\x0cjP", b"\xff\x0a", b"\x00\x00\x00\x0cJXL", b"\x00\x00\x01\x00"),
)


class ImageError(ValueError):
    """Bytes that are no usable image, with a stable `code`.

    too_large: more bytes than allowed. not_an_image: no image format begins like this. unsupported_type: an image of
    another format than JPEG, PNG and WebP. truncated: it begins like one of them and then breaks off or is damaged.
    too_many_pixels, too_small: its width and height are not within the limits.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class ImageLimits:
    """What is accepted; pixels are counted from the header, before anything is decompressed."""

    max_bytes: int = 10 << 20
    max_pixels: int = 25_000_000
    min_side: int = 16


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image, upright.

    pixels: [height, width, 3] uint8 RGB, read-only; transparency is laid on white and colour profiles are not applied.
    sha256: of the bytes it came in, the key of everything that is kept about it.
    """

    pixels: np.ndarray
    sha256: str
    media_type: str

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


DEFAULT_LIMITS = ImageLimits()


def decode_image(content: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Image:
    """The image in these bytes, its type told by the content alone; of several frames the first. Raises ImageError."""
    if len(content) > limits.max_bytes:
        raise ImageError("too_large", f"expected at most {limits.max_bytes} bytes, got {len(content)}")
    image_format = _format_of(content)
    from PIL import Image as Pillow

    # Pillow meets damage with whatever the damaged place happened to break: its decoders raise all of these.
    damage = (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, struct.error, OverflowError)
    try:
        with Pillow.open(io.BytesIO(content), formats=[image_format]) as opened:
            _check_size(opened.size, limits)
            orientation = _orientation(opened)
            pixels = _upright(_rgb(opened), orientation)
    except ImageError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise ImageError("too_many_pixels", f"expected at most {limits.max_pixels} pixels, got far more") from None
    except damage as error:
        raise ImageError("truncated", f"expected a whole {image_format} file, got a damaged one ({error})") from None
    pixels.setflags(write=False)
    return Image(pixels, hashlib.sha256(content).hexdigest(), MEDIA_TYPES[image_format])


def read_image(path: Path, limits: ImageLimits = DEFAULT_LIMITS) -> Image:
    """The image in a file, of which no more than the limit is read. Raises ImageError and OSError."""
    with path.open("rb") as file:
        return decode_image(file.read(limits.max_bytes + 1), limits)


def _format_of(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    # ftyp: HEIC, AVIF and films.
    if content.startswith(_OTHER_IMAGES) or content[4:8] == b"ftyp":
        raise ImageError("unsupported_type", "expected JPEG, PNG or WebP, got an image of another type")
    raise ImageError("not_an_image", "expected JPEG, PNG or WebP, got bytes that begin like no image")


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageError("too_many_pixels", f"expected at most {limits.max_pixels} pixels, got {width} x {height}")
    if min(width, height) < limits.min_side:
        raise ImageError("too_small", f"expected sides of {limits.min_side} pixels at least, got {width} x {height}")


def _orientation(image: "PillowImage") -> int:
    """EXIF's orientation, 1 (upright) where there is none: broken metadata does not make a picture unusable."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return value if value in range(1, 9) else 1


def _rgb(image: "PillowImage") -> np.ndarray:
    from PIL import Image as Pillow

    if image.mode.startswith("I"):
        # 16 bits of grey: Pillow would clip them at 255.
        grey = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer)
    return np.array(image.convert("RGB"))


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 2 to 4 mirror and turn by 180 degrees, 5 to 8 also swap the axes."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
