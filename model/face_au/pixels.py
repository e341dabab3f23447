"""Pixels: from an image file or a crop to what the network is given."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def face_pixels(pixels: np.ndarray, side_px: int, channels: int) -> np.ndarray:
    """uint8 [h, w, 3] -> uint8 [C, side, side], grey for one channel; the sides are stretched to the same length."""
    from PIL import Image

    image = Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")
    if image.size != (side_px, side_px):
        image = image.resize((side_px, side_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    array = np.asarray(image)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


def read_face(path: Path, side_px: int, channels: int) -> np.ndarray:
    """An image file as face_pixels gives it."""
    from PIL import Image

    with Image.open(path) as opened:
        return face_pixels(np.asarray(opened.convert("RGB")), side_px, channels)


def normalised(images: np.ndarray) -> np.ndarray:
    """uint8 -> float32 in -1..1."""
    return images.astype(np.float32) / 127.5 - 1


class Pixels:
    """The images of some frames at one size, decoded when first asked for and kept while they fit into memory."""

    def __init__(self, paths: Sequence[Path], side_px: int, channels: int, max_bytes: int = 2 << 30) -> None:
        """channels: 1 for grey, 3 for colour."""
        self._paths, self._side_px, self._channels = paths, side_px, channels
        self._kept: dict[int, np.ndarray] = {}
        self._max_kept = max_bytes // (side_px**2 * channels)

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        """float32 [B, C, S, S] in -1..1."""
        return normalised(np.stack([self._image(row) for row in rows]))

    def _image(self, row: int) -> np.ndarray:
        image = self._kept.get(row)
        if image is None:
            image = read_face(self._paths[row], self._side_px, self._channels)
            if len(self._kept) < self._max_kept:
                self._kept[row] = image
        return image
