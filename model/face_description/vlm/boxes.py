"""Boxes as Qwen2.5-VL reads them: absolute pixels of the image after its resizing."""

from model.face_description.regions import Box

PATCH_PX = 28
"""One visual token: a patch of 14, merged 2 x 2. Sides are rounded to multiples of it."""
MIN_PIXELS, MAX_PIXELS = 448 * 448, 672 * 672
"""Below 320 px boxes drift; above 672 a face costs tokens and gains nothing."""


def resized_size(width: int, height: int, limits: tuple[int, int] = (MIN_PIXELS, MAX_PIXELS)) -> tuple[int, int]:
    """Width and height after the processor's resizing within limits of pixels.

    Raises ValueError for an image 200 times as long as wide.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    fewest, most = limits
    new_height, new_width = smart_resize(height, width, factor=PATCH_PX, min_pixels=fewest, max_pixels=most)
    return new_width, new_height


def to_resized(box: Box, size: tuple[int, int], resized: tuple[int, int]) -> tuple[int, int, int, int]:
    """round(box / (w, h) * (w', h')), never outside the image; size, resized: width and height."""
    across, down = resized[0] / size[0], resized[1] / size[1]
    x1, x2 = (min(max(round(side * across), 0), resized[0]) for side in (box[0], box[2]))
    y1, y2 = (min(max(round(side * down), 0), resized[1]) for side in (box[1], box[3]))
    return x1, y1, x2, y2


def from_resized(box: tuple[int, int, int, int], size: tuple[int, int], resized: tuple[int, int]) -> Box:
    """The reverse of `to_resized`, up to its rounding."""
    across, down = size[0] / resized[0], size[1] / resized[1]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down
