"""Made-up hands: fingers that bend and spread along two slow waves, seen from anywhere."""

import numpy as np

from model.hand_pose.config import HandPoseConfig, StageConfig
from model.hand_pose.export import export_release
from model.hand_pose.pose_code import FINGER_ROOTS, NUM_LANDMARKS, hand_points
from model.hand_pose.recordings import FRAME_S, Stretch
from model.hand_pose.train import train

BONE_LENGTHS = np.array([0.5, 0.4, 0.35, 0.3] + [1.0, 0.45, 0.28, 0.22] * 4)
SPREAD = {1: -0.9, 5: -0.25, 9: 0.0, 13: 0.2, 17: 0.4}


def code_of(bend, index_bend):
    """The code of a hand whose fingers bend by an angle a joint, the index by another."""
    code = np.zeros((NUM_LANDMARKS - 1, 4))
    for root in FINGER_ROOTS.tolist():
        half = SPREAD[root] / 2
        code[root - 1] = np.cos(half), 0, 0, np.sin(half)
        angle = (index_bend if root == 5 else bend) / 2
        code[root : root + 3] = np.cos(angle), np.sin(angle), 0, 0
    return code.ravel()


def rotation(random):
    """A random rotation matrix [3, 3]."""
    matrix, _ = np.linalg.qr(random.standard_normal((3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def codes_along(num_frames, seed):
    """Codes [T, 80] of a hand in slow motion."""
    random = np.random.default_rng(seed)
    phase, pace = random.random(4) * 6, 0.5 + random.random(2)
    time_s = np.arange(num_frames) * FRAME_S
    bend = 0.8 + 0.6 * np.sin(pace[0] * time_s + phase[0])
    index_bend = 0.8 + 0.6 * np.sin(pace[1] * time_s + phase[1])
    return np.stack([code_of(*bends) for bends in zip(bend, index_bend, strict=True)])


def stretch_of(name, num_frames=90, seed=0):
    """A recording of it, with a little noise, from somewhere."""
    random = np.random.default_rng(seed)
    points = hand_points(codes_along(num_frames, seed), BONE_LENGTHS) @ rotation(random).T * 0.1 + random.random(3)
    points += 2e-4 * random.standard_normal(points.shape)
    return Stretch("made", name, points.astype(np.float32), np.arange(num_frames) * FRAME_S, False)


def made_stretches(count=12, num_frames=90):
    """Recordings, each of its own."""
    return [stretch_of(f"recording-{number:02d}", num_frames, number) for number in range(count)]


def small_config(**stage):
    """A few seconds of training."""
    defaults = {"epochs": 3, "steps_per_epoch": 40, "batch_size": 64, "warmup_steps": 5}
    return HandPoseConfig(stage=StageConfig(**(defaults | stage)))


def small_release(folder):
    """A folder of hand-pose releases whose current one was trained on made-up hands."""
    train(small_config(), made_stretches(), folder / "run", resume=False)
    root = folder / "hands"
    export_release(folder / "run", root)
    return root
