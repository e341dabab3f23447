import numpy as np
import torch

from model.hand_pose.config import ObjectiveConfig
from model.hand_pose.data import augmented, code_stretches, frame_table
from model.hand_pose.pose_code import pose_codes
from tests.model.hand_pose.made_hands import made_stretches

STRETCHES = made_stretches(count=3, num_frames=20)
TABLE = frame_table(STRETCHES)


def test_pairs_stay_within_their_stretch():
    assert len(TABLE.first) == 3 * 19
    assert not set(TABLE.first.tolist()) & {19, 39, 59}


def test_without_noise_nothing_is_changed():
    frames = augmented(
        TABLE, TABLE.first, ObjectiveConfig(landmark_noise=0, hidden_finger_share=0), np.random.default_rng(0)
    )
    torch.testing.assert_close(frames.seen, frames.clean)
    torch.testing.assert_close(frames.seen_next, frames.clean_next)
    np.testing.assert_array_equal(frames.clean_next.numpy(), TABLE.codes[TABLE.first + 1])


def test_a_hidden_finger_keeps_its_last_value():
    config = ObjectiveConfig(landmark_noise=0, hidden_finger_share=1)
    frames = augmented(TABLE, TABLE.first, config, np.random.default_rng(0))
    changed = (frames.seen_next != frames.clean_next).reshape(-1, 5, 16).any(dim=2)
    assert (changed.sum(dim=1) <= 1).all()
    assert changed.any(dim=0).all()
    replaced = changed.repeat_interleave(16, dim=1)
    torch.testing.assert_close(frames.seen_next[replaced], frames.seen[replaced])


def test_landmark_noise_is_drawn_anew():
    first, second = (augmented(TABLE, TABLE.first, ObjectiveConfig(), np.random.default_rng(seed)) for seed in (0, 1))
    assert (first.seen != second.seen).any()
    torch.testing.assert_close(first.clean, second.clean)


def test_a_stretch_with_an_unusable_frame_is_left_out():
    points = STRETCHES[0].points.copy()
    points[3] = 0
    broken = type(STRETCHES[0])("made", "broken", points, STRETCHES[0].time_s, False)
    assert len(code_stretches([broken, STRETCHES[1]])) == 1
    assert not pose_codes(points).usable.all()
