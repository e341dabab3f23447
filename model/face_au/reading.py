"""Reading: probabilities of action units for many frames, each face seen as it is and mirrored."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model.face_au.action_units import OUTER_EYE_CORNERS, mirror_landmarks
from model.face_au.network import MgrrNet
from model.face_au.pixels import Pixels

BATCH_SIZE = 64


class MirroredReader(nn.Module):
    """images [B, C, S, S] -> probabilities [B, N] and landmarks [B, 49, 2], the mean over the face and its mirror.

    So a mirrored face has the same action units and mirrored landmarks.
    """

    def __init__(self, network: MgrrNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        reading = self.network(torch.cat([images, images.flip(-1)]))
        count = images.shape[0]
        logits = (reading.logits[:count] + reading.logits[count:]) / 2
        landmarks = (reading.landmarks[:count] + mirror_landmarks(reading.landmarks[count:])) / 2
        return logits.sigmoid(), landmarks


class Readings(NamedTuple):
    """probabilities: float32 [M, N]; landmarks: float32 [M, 49, 2], shares of the image's sides."""

    probabilities: np.ndarray
    landmarks: np.ndarray


def read_frames(network: MgrrNet, pixels: Pixels, count: int) -> Readings:
    """What a network in eval mode says of `count` images."""
    reader = MirroredReader(network)
    found = []
    with torch.inference_mode():
        for start in range(0, count, BATCH_SIZE):
            images = torch.from_numpy(pixels.batch(range(start, min(start + BATCH_SIZE, count))))
            found.append(tuple(one.numpy() for one in reader(images)))
    probabilities, landmarks = zip(*found, strict=True)
    return Readings(np.concatenate(probabilities), np.concatenate(landmarks))


def landmark_errors(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Mean distance of a face's landmarks over that of its outer eye corners, [M]; NaN where they are not known.

    Deviates: shares of the image's sides stand for pixels, which is the same for square images alone.
    """
    left, right = OUTER_EYE_CORNERS
    span = np.linalg.norm(wanted[:, left] - wanted[:, right], axis=-1)
    errors: np.ndarray = np.linalg.norm(found - wanted, axis=-1).mean(axis=1) / np.maximum(span, 1e-6)
    return errors
