import numpy as np

from model.hand_pose.benchmark.simulated_user import FRAME_S, REACTION_S, Hand, jitter_of, reach
from model.hand_pose.pose_code import bone_angles
from tests.model.hand_pose.made_hands import code_of, codes_along

START, TARGET = code_of(0.3, 0.3), code_of(1.2, 0.8)
STEADY = np.zeros((10, 80))


def test_a_hand_without_error_arrives_and_stays():
    codes = reach(START, TARGET, Hand(0.0, STEADY), np.random.default_rng(0))
    before = round(REACTION_S / FRAME_S)
    assert bone_angles(codes[:before], np.tile(START, (before, 1))).max() < 1e-3
    assert bone_angles(codes[-30:], np.tile(TARGET, (30, 1))).max() < 1e-3


def test_it_goes_the_shortest_way():
    codes = reach(START, TARGET, Hand(0.0, STEADY), np.random.default_rng(0))
    whole = bone_angles(START[None], TARGET[None])
    parts = bone_angles(codes, np.tile(START, (len(codes), 1))) + bone_angles(codes, np.tile(TARGET, (len(codes), 1)))
    np.testing.assert_allclose(parts, np.broadcast_to(whole, parts.shape), atol=1e-2)


def test_error_makes_it_miss_and_correct():
    codes = reach(START, TARGET, Hand(0.3, STEADY), np.random.default_rng(0))
    away = bone_angles(codes, np.tile(TARGET, (len(codes), 1))).mean(axis=1)
    first_landing = round((REACTION_S + 0.3) / FRAME_S)
    assert away[first_landing] > 1
    assert away[-1] < 0.1 * away[first_landing]


def test_jitter_is_what_a_moving_average_leaves():
    still = np.tile(START, (60, 1))
    np.testing.assert_allclose(jitter_of(still), 0, atol=1e-12)
    noise = 0.01 * np.random.default_rng(0).standard_normal(still.shape)
    assert 0.8 < jitter_of(still + noise).std() / noise.std() < 1.05
    assert jitter_of(codes_along(60, 1)).std() < 0.01


def test_jitter_reaches_the_codes():
    noise = 0.01 * np.random.default_rng(0).standard_normal((400, 80))
    shaken = reach(START, TARGET, Hand(0.0, noise), np.random.default_rng(0))
    plain = reach(START, TARGET, Hand(0.0, STEADY), np.random.default_rng(0))
    assert 0.003 < np.abs(shaken - plain).mean() < 0.02
    np.testing.assert_allclose(np.linalg.norm(shaken.reshape(-1, 20, 4), axis=-1), 1)
