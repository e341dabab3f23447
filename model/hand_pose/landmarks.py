"""Landmarks: what a hand tracker says of one frame -> right-handed points in one unit."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.hand_pose.pose_code import NUM_LANDMARKS

Handedness = Literal["left", "right"]


@dataclass(frozen=True)
class LandmarkFrame:
    """One frame of one hand.

    landmarks: [21, 3], x and y in shares of the image's width and height, z in shares of its width (MediaPipe's).
    handedness: which hand of the person it is. mirrored: the image was flipped, as in a mirror, before the landmarks
        were found. Neither is ever guessed.
    confidence: of the tracker, 0 to 1.
    """

    landmarks: np.ndarray
    width: float
    height: float
    handedness: Handedness
    mirrored: bool
    confidence: float = 1.0

    def points(self) -> np.ndarray:
        """float64 [21, 3], in image widths, as of an unmirrored right hand."""
        points = np.array(self.landmarks, dtype=np.float64)
        if points.shape != (NUM_LANDMARKS, 3):
            raise ValueError(f"expected landmarks of shape ({NUM_LANDMARKS}, 3), got {points.shape}")
        points[:, 1] *= self.height / self.width
        if (self.handedness == "left") != self.mirrored:
            points[:, 0] *= -1
        return points
