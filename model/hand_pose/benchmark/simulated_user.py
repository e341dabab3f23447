"""A simulated user who selects targets on the map by hand: stands in for people, and every figure of it says so."""

from dataclasses import dataclass

import numpy as np

from model.hand_pose.pose_code import CODE_WIDTH, NUM_LANDMARKS

FRAME_S = 1 / 30
REACTION_S = 0.2
CORRECTION_S = 0.3
LIMIT_S = 8.0
SMOOTHING_S = 0.5
SMALLEST_ANGLE = 1e-8


@dataclass(frozen=True)
class Hand:
    """error: of each aimed movement, as a share of the turn that is left. jitter: [T, 80], added to the codes."""

    error: float
    jitter: np.ndarray


def reach(start: np.ndarray, target: np.ndarray, hand: Hand, random: np.random.Generator) -> np.ndarray:
    """Codes [T, 80] of a hand that goes from one pose [80] to another within LIMIT_S.

    It rests for the reaction time, then aims anew every CORRECTION_S: bone by bone along the shortest turn, with a
    minimum-jerk profile, missing by `error` of what is left.
    """
    frames = round(LIMIT_S / FRAME_S)
    codes = np.empty((frames, CODE_WIDTH))
    now, goal = _bones(start), _bones(target)
    turn, planned_from, aimed_at_s = np.zeros((len(now), 3)), now, -CORRECTION_S
    for frame in range(frames):
        time_s = frame * FRAME_S - REACTION_S
        if time_s >= 0 and time_s - aimed_at_s >= CORRECTION_S - 1e-9:
            planned_from, aimed_at_s = now, time_s
            left = _turn_vector(planned_from, goal)
            size = np.sqrt(np.mean((left**2).sum(axis=-1)) / 3)
            turn = left + hand.error * size * random.standard_normal(left.shape)
        now = _turned(planned_from, turn * _minimum_jerk((time_s - aimed_at_s) / CORRECTION_S)) if time_s >= 0 else now
        codes[frame] = now.ravel()
    place = random.integers(max(1, len(hand.jitter) - frames + 1))
    shaken = codes + np.resize(hand.jitter[place:], codes.shape)
    return np.stack([_bones(code).ravel() for code in shaken])


def jitter_of(codes: np.ndarray) -> np.ndarray:
    """[T, 80]: what a recording of a hand at rest differs from its own moving average over half a second."""
    width = 2 * round(SMOOTHING_S / FRAME_S / 2) + 1
    kernel = np.ones(width) / width
    return np.stack([column - np.convolve(_padded(column, width), kernel, "valid") for column in codes.T], axis=1)


def _padded(column: np.ndarray, width: int) -> np.ndarray:
    return np.pad(column, width // 2, mode="edge")


def _bones(code: np.ndarray) -> np.ndarray:
    """[20, 4]: quaternions of length one, w >= 0."""
    quaternions = np.asarray(code, dtype=np.float64).reshape(NUM_LANDMARKS - 1, 4)
    quaternions = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return np.where(quaternions[:, :1] < 0, -quaternions, quaternions)


def _minimum_jerk(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share**3 * (10 - 15 * share + 6 * share**2)


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    w, u = one[:, :1], one[:, 1:]
    z, v = other[:, :1], other[:, 1:]
    return np.concatenate((w * z - (u * v).sum(-1, keepdims=True), w * v + z * u + np.cross(u, v)), axis=1)


def _turn_vector(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """[20, 3]: axis times angle of the shortest turns from source to target."""
    turn = _product(target, source * np.array([1.0, -1.0, -1.0, -1.0]))
    turn = np.where(turn[:, :1] < 0, -turn, turn)
    sine = np.linalg.norm(turn[:, 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, turn[:, :1])
    return turn[:, 1:] * np.where(sine > SMALLEST_ANGLE, angle / np.maximum(sine, SMALLEST_ANGLE), 2.0)


def _turned(source: np.ndarray, vector: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    axis = vector / np.maximum(angle, SMALLEST_ANGLE)
    return _product(np.concatenate((np.cos(angle / 2), np.sin(angle / 2) * axis), axis=1), source)
