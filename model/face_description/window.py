"""Window: the grey square around a face that the model looks at, cut from an image and scaled."""

import numpy as np
import torch
from torch.nn import functional

from model.face_description.regions import Box

WINDOW_PX = 224
"""Side of a window: the stem sees it halved, the zoomed crop at full size."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def grey(pixels: np.ndarray) -> np.ndarray:
    """RGB [H, W, 3] or grey [H, W] uint8 -> float32 [H, W], 0..255.

    Colour is left out: half of the training faces have none, and covers are toned as they please.
    """
    return pixels.astype(np.float32) if pixels.ndim == 2 else pixels.astype(np.float32) @ _LUMA


def cut_window(image: np.ndarray, window: Box) -> np.ndarray:
    """The window of a grey image [H, W], float32 -> uint8 [224, 224]; beyond the image its edge goes on.

    Raises ValueError for a window without area or far away from the image.
    """
    height, width = image.shape
    x1, y1, x2, y2 = (round(side) for side in window)
    if x2 <= x1 or y2 <= y1 or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise ValueError(f"expected a window over an image of {width} x {height}, got {window}")
    columns, rows = np.arange(x1, x2).clip(0, width - 1), np.arange(y1, y2).clip(0, height - 1)
    cut = torch.from_numpy(image[np.ix_(rows, columns)])[None, None]
    scaled = functional.interpolate(cut, (WINDOW_PX, WINDOW_PX), mode="bilinear", antialias=True)[0, 0]
    return scaled.round().clamp(0, 255).to(torch.uint8).numpy()


def within(box: Box, window: Box) -> Box:
    """A box of the image in the window's own coordinates, 0..1."""
    x1, y1, x2, y2 = window
    width, height = x2 - x1, y2 - y1
    return (box[0] - x1) / width, (box[1] - y1) / height, (box[2] - x1) / width, (box[3] - y1) / height
