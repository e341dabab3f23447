"""Training data: pairs of frames that follow each other, augmented anew each time they are seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.hand_pose.config import ObjectiveConfig
from model.hand_pose.losses import Frames
from model.hand_pose.pose_code import BONES_PER_FINGER, CODE_WIDTH, FINGER_ROOTS, pose_codes
from model.hand_pose.recordings import Stretch


@dataclass(frozen=True)
class FrameTable:
    """points: float32 [N, 21, 3]; codes: float32 [N, 80]; first: int64 [M], rows whose next row is their next frame."""

    points: np.ndarray
    codes: np.ndarray
    first: np.ndarray


def frame_table(stretches: Sequence[Stretch]) -> FrameTable:
    """The usable frames of all stretches, one after the other."""
    points = np.concatenate([stretch.points for stretch in stretches])
    number = np.repeat(np.arange(len(stretches)), [len(stretch.points) for stretch in stretches])
    poses = pose_codes(points)
    follows = (number[1:] == number[:-1]) & poses.usable[1:] & poses.usable[:-1]
    return FrameTable(points, poses.codes, np.flatnonzero(follows))


def code_stretches(stretches: Sequence[Stretch]) -> list[np.ndarray]:
    """The codes [T, 80] of each stretch whose frames are all usable."""
    found = [pose_codes(stretch.points) for stretch in stretches]
    return [poses.codes for poses in found if poses.usable.all()]


def augmented(table: FrameTable, rows: np.ndarray, objective: ObjectiveConfig, random: np.random.Generator) -> Frames:
    """The frames of `rows` and those after them, with landmark noise and hidden fingers.

    Turning, scaling and mirroring the hand are not among them: the code does not change under any.
    """
    both = np.stack((rows, rows + 1))
    clean = table.codes[both]
    # One strength per hand: a camera near and far, sharp and dim.
    strength = objective.landmark_noise * random.random((1, len(rows), 1, 1))
    noisy = table.points[both] + strength * random.standard_normal((2, len(rows), *table.points.shape[1:]))
    poses = pose_codes(noisy.reshape(-1, *table.points.shape[1:]))
    seen = np.where(poses.usable[:, None], poses.codes, clean.reshape(-1, CODE_WIDTH)).reshape(clean.shape)
    hidden = np.flatnonzero(random.random(len(rows)) < objective.hidden_finger_share)
    finger = random.integers(len(FINGER_ROOTS), size=len(hidden))
    values = 4 * BONES_PER_FINGER
    columns = values * finger[:, None] + np.arange(values)
    seen[1, hidden[:, None], columns] = seen[0, hidden[:, None], columns]
    return Frames(*(torch.from_numpy(one) for one in (seen[0], seen[1], clean[0], clean[1])))
