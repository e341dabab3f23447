"""Hand frames as a client sends them, of made-up hands."""

import numpy as np

from model.hand_pose.pose_code import hand_points
from tests.model.hand_pose.made_hands import BONE_LENGTHS, codes_along


def frames_of(codes, **changes):
    """Frames [T] of an upright right hand before an unmirrored camera, 30 a second."""
    # Image y points down: half a turn about x keeps the hand a right one.
    points = hand_points(codes, BONE_LENGTHS) * np.array([1, -1, -1]) * 0.15 + np.array([0.5, 0.7, 0])
    told = {"mirrored": False, "handedness": "right", "width": 640, "height": 640, "confidence": 0.9} | changes
    return [
        {"t": round(number / 30, 4), "landmarks": landmarks, **told} for number, landmarks in enumerate(points.tolist())
    ]


def moving_hand(num_frames=60, seed=3):
    """A hand in slow motion."""
    return frames_of(codes_along(num_frames, seed))
