"""Action units: their names, where their muscles pull (two centres each, from 49 landmarks), and the mirror of a face.

The 49 landmarks are the usual 68 without the jaw (0-16) and the inner corners of the mouth (60, 64).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

NUM_LANDMARKS = 49
FROM_68 = (*range(17, 60), 61, 62, 63, 65, 66, 67)
# Inner and outer eye corners, as the 49 landmarks count.
INNER_EYE_CORNERS = (22, 25)
OUTER_EYE_CORNERS = (19, 28)

NAMES = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU23": "lip tightener",
    "AU24": "lip pressor",
    "AU25": "lips part",
    "AU26": "jaw drop",
}


class Centre(NamedTuple):
    """Two landmarks, and how far below them the centres lie, in distances of the inner eye corners."""

    points: tuple[int, int]
    down: float


CENTRES = {
    "AU01": Centre((4, 5), -1 / 2),
    "AU02": Centre((1, 8), -1 / 3),
    "AU04": Centre((2, 7), 1 / 3),
    "AU06": Centre((24, 29), 1.0),
    "AU07": Centre((21, 26), 0.0),
    "AU09": Centre((15, 17), -1 / 2),
    "AU10": Centre((43, 45), 0.0),
    "AU12": Centre((31, 37), 0.0),
    "AU14": Centre((31, 37), 0.0),
    "AU15": Centre((31, 37), 0.0),
    "AU17": Centre((39, 41), 1 / 2),
    "AU23": Centre((34, 40), 0.0),
    "AU24": Centre((34, 40), 0.0),
    "AU25": Centre((34, 40), 0.0),
    "AU26": Centre((39, 41), 1 / 2),
}

# The same landmark on the other side of the face.
MIRRORED = (
    *(9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
    *(10, 11, 12, 13, 18, 17, 16, 15, 14),
    *(28, 27, 26, 25, 30, 29, 22, 21, 20, 19, 24, 23),
    *(37, 36, 35, 34, 33, 32, 31, 42, 41, 40, 39, 38),
    *(45, 44, 43, 48, 47, 46),
)


def au_centres(landmarks: Tensor, aus: Sequence[str]) -> Tensor:
    """Where each action unit is seen. landmarks [B, 49, 2] as x, y -> [B, N, 2, 2], in the same coordinates."""
    centres = [CENTRES[au] for au in aus]
    points = landmarks[:, [index for centre in centres for index in centre.points]].unflatten(1, (len(centres), 2))
    left, right = INNER_EYE_CORNERS
    span = (landmarks[:, left, 0] - landmarks[:, right, 0]).abs()
    down = landmarks.new_tensor([centre.down for centre in centres])
    shift = torch.stack([torch.zeros_like(down), down], dim=-1)
    return points + span[:, None, None, None] * shift[None, :, None, :]


def mirror_landmarks(landmarks: Tensor) -> Tensor:
    """The landmarks of the mirrored image; [..., 49, 2] as shares of its width and height."""
    swapped = landmarks[..., list(MIRRORED), :]
    return torch.stack([1 - swapped[..., 0], swapped[..., 1]], dim=-1)
