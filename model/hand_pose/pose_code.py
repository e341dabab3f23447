"""Pose code: 21 landmarks -> 20 bone quaternions in the frame of the palm, and back to points (HpEIS, section 3).

MediaPipe order: 0 wrist, then thumb, index, middle, ring and little finger with four points each.
"""

from dataclasses import dataclass

import numpy as np

NUM_LANDMARKS = 21
CODE_WIDTH = 80
WRIST, INDEX_ROOT, MIDDLE_ROOT, LITTLE_ROOT = 0, 5, 9, 17
FINGER_ROOTS = np.array([1, 5, 9, 13, 17])
BONES_PER_FINGER = 4
# Shorter than this share of the palm, a direction is noise.
SHORTEST = 1e-6
UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Poses:
    """codes: float32 [B, 80], quaternions w x y z of bones 1 to 20, w >= 0. usable: bool [B], False where two landmarks
    that span a bone or the palm coincide, so that no code exists; such a row is zero."""

    codes: np.ndarray
    usable: np.ndarray


def pose_codes(points: np.ndarray) -> Poses:
    """The codes of right-handed points [B, 21, 3], x, y and z in one unit.

    A code knows nothing of place, size and orientation of the hand. q_k = unit([1 + a.b, a x b]) turns the parent's
    direction a into the bone's direction b; the parent of a finger's first bone is the palm's axis, wrist to MCP 9.
    """
    points = np.asarray(points, dtype=np.float64)
    frame, usable = _palm_frames(points)
    directions, long_enough = _bone_directions(points, frame)
    usable &= long_enough
    parents = np.empty_like(directions)
    parents[:, 1:] = directions[:, :-1]
    parents[:, FINGER_ROOTS - 1] = UP
    quaternions = _turn(parents, directions)
    quaternions[~usable] = 0
    return Poses(quaternions.reshape(len(points), CODE_WIDTH).astype(np.float32), usable)


def hand_points(codes: np.ndarray, bone_lengths: np.ndarray) -> np.ndarray:
    """Points [B, 21, 3] of codes [B, 80]: the wrist at 0, side, axis and normal of the palm as x, y and z.

    bone_lengths: [20], in the unit of the answer. Quaternions of any length but zero are taken as turns.
    """
    quaternions = np.asarray(codes, dtype=np.float64).reshape(-1, NUM_LANDMARKS - 1, 4)
    norms = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    quaternions = quaternions / np.maximum(norms, SHORTEST)
    points = np.zeros((len(quaternions), NUM_LANDMARKS, 3))
    direction = np.broadcast_to(UP, (len(quaternions), len(FINGER_ROOTS), 3))
    start = points[:, np.zeros(len(FINGER_ROOTS), dtype=np.int64)]
    for joint in range(BONES_PER_FINGER):
        bones = FINGER_ROOTS + joint
        direction = _turned(quaternions[:, bones - 1], direction)
        start = points[:, bones] = start + direction * bone_lengths[bones - 1][:, None]
    return points


def bone_lengths(points: np.ndarray) -> np.ndarray:
    """[20]: the median length of each bone over points [B, 21, 3], in lengths of the palm (wrist to MCP 9)."""
    points = np.asarray(points, dtype=np.float64)
    lengths = np.linalg.norm(points[:, 1:] - points[:, _parents()], axis=-1)
    palm = np.linalg.norm(points[:, MIDDLE_ROOT] - points[:, WRIST], axis=-1, keepdims=True)
    return np.median(lengths / np.maximum(palm, SHORTEST), axis=0)


def bone_angles(codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[B, 20]: degrees between the turns of two codes [B, 80], bone by bone."""
    one, other = (np.asarray(code, dtype=np.float64).reshape(-1, NUM_LANDMARKS - 1, 4) for code in (codes, others))
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosine = np.abs((one * other).sum(-1)) / np.maximum(norms, SHORTEST)
    return np.degrees(2 * np.arccos(np.clip(cosine, 0, 1)))


def flexion(points: np.ndarray) -> np.ndarray:
    """[B]: how far the fingers bend along the palm's normal, in lengths of the palm: positive for right-handed points.

    Fingers bend towards the palm, so the sign tells a right hand from the mirror image of one; it is near zero for a
    flat hand, where only many frames together decide.
    """
    points = np.asarray(points, dtype=np.float64)
    frame, _ = _palm_frames(points)
    palm = np.linalg.norm(points[:, MIDDLE_ROOT] - points[:, WRIST], axis=-1)
    tips = points[:, FINGER_ROOTS[1:] + 3] - points[:, FINGER_ROOTS[1:]]
    return np.einsum("bfi,bi->b", tips, frame[:, 2]) / (len(FINGER_ROOTS) - 1) / np.maximum(palm, SHORTEST)


def _parents() -> np.ndarray:
    """[20]: the landmark that bone k starts from, for k = 1 to 20."""
    parents = np.arange(NUM_LANDMARKS - 1)
    parents[FINGER_ROOTS - 1] = WRIST
    return parents


def _palm_frames(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows side, up, normal of each palm [B, 3, 3], and whether there is one [B]."""
    up, long_palm = _unit(points[:, MIDDLE_ROOT] - points[:, WRIST])
    normal, wide_palm = _unit(np.cross(points[:, INDEX_ROOT] - points[:, LITTLE_ROOT], up))
    return np.stack((np.cross(up, normal), up, normal), axis=1), long_palm & wide_palm


def _bone_directions(points: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bones, long_enough = _unit(points[:, 1:] - points[:, _parents()])
    return np.einsum("bki,bji->bkj", bones, frame), np.logical_and.reduce(long_enough, axis=-1)


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    norms = np.linalg.norm(vectors, axis=-1)
    usable = norms > SHORTEST
    return vectors / np.where(usable, norms, 1.0)[..., None], usable


def _turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The shortest turns [..., 4] of unit vectors; a full reversal turns about the palm's side."""
    quaternion = np.concatenate(
        (1 + (source * target).sum(-1, keepdims=True), np.cross(source, target)),
        axis=-1,
    )
    norms = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    reversal = np.array([0.0, 1.0, 0.0, 0.0])
    return np.where(norms > SHORTEST, quaternion / np.maximum(norms, SHORTEST), reversal)


def _turned(quaternions: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """v + 2 w (u x v) + 2 u x (u x v) for quaternions (w, u)."""
    axis = quaternions[..., 1:]
    once = np.cross(axis, vectors)
    return vectors + 2 * (quaternions[..., :1] * once + np.cross(axis, once))
