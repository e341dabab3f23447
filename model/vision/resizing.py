"""Resizing: an image, or boxes of it, at the size that a network reads."""

import numpy as np

from model.vision.image import Image


def resized(image: Image, size: tuple[int, int]) -> np.ndarray:
    """[height, width, 3] uint8: the whole image stretched to `size`, area-averaged where it shrinks."""
    from PIL import Image as Pillow

    height, width = size
    return np.asarray(Pillow.fromarray(image.pixels).resize((width, height), Pillow.Resampling.BILINEAR))


def letterboxed(image: Image, size: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """The image in the top left corner of `size`, in its own proportions, black beside it, and the share of the width
    and of the height that it takes: (pixels [height, width, 3], (share, share)).
    """
    height, width = size
    scale = min(width / image.width, height / image.height)
    inner_width, inner_height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:inner_height, :inner_width] = resized(image, (inner_height, inner_width))
    return pixels, (inner_width / width, inner_height / height)


def crops(image: Image, boxes: np.ndarray, side: int) -> np.ndarray:
    """[K, side, side, 3] uint8: each box of 0..1 [K, 4] cut out and stretched; an empty box is its nearest pixel."""
    from PIL import Image as Pillow

    whole = Pillow.fromarray(image.pixels)
    width, height = image.width, image.height
    out = np.empty((len(boxes), side, side, 3), np.uint8)
    for row, (x0, y0, x1, y1) in enumerate(boxes.astype(np.float64)):
        left, top = min(x0 * width, width - 1), min(y0 * height, height - 1)
        place = (left, top, max(min(x1 * width, width), left + 1), max(min(y1 * height, height), top + 1))
        out[row] = np.asarray(whole.resize((side, side), Pillow.Resampling.BILINEAR, box=place))
    return out
