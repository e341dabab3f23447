import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hand_pose.pose_code import bone_angles, bone_lengths, flexion, hand_points, pose_codes
from tests.model.hand_pose.made_hands import BONE_LENGTHS, code_of, codes_along, rotation

seeds = st.integers(0, 2**32 - 1)


def random_hand(random):
    """Any 21 points: anatomy is not needed for what a code promises."""
    return random.standard_normal((1, 21, 3))


@given(seeds, st.floats(0.01, 100))
def test_a_code_knows_nothing_of_place_size_and_orientation(seed, size):
    random = np.random.default_rng(seed)
    points = random_hand(random)
    moved = size * points @ rotation(random).T + random.standard_normal(3)
    one, other = pose_codes(points), pose_codes(moved)
    assert one.usable.all()
    assert other.usable.all()
    np.testing.assert_allclose(one.codes, other.codes, atol=2e-5)


@given(seeds)
def test_quaternions_are_of_length_one_with_w_not_below_zero(seed):
    code = pose_codes(random_hand(np.random.default_rng(seed))).codes.reshape(20, 4)
    np.testing.assert_allclose(np.linalg.norm(code, axis=1), 1, atol=1e-6)
    assert (code[:, 0] >= 0).all()


@given(seeds)
def test_points_come_back_from_their_code(seed):
    """Forward kinematics over the code gives the points in the palm's own frame, computed here by its definition."""
    points = random_hand(np.random.default_rng(seed))[0]
    parents = [0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19]
    lengths = np.linalg.norm(points[1:] - points[parents], axis=1)
    up = (points[9] - points[0]) / np.linalg.norm(points[9] - points[0])
    normal = np.cross(points[5] - points[17], up)
    normal /= np.linalg.norm(normal)
    frame = np.stack((np.cross(up, normal), up, normal))
    back = hand_points(pose_codes(points[None]).codes, lengths)[0]
    np.testing.assert_allclose(back, (points - points[0]) @ frame.T, atol=2e-4)


def test_each_bone_is_turned_by_the_quaternion_of_the_paper():
    points = random_hand(np.random.default_rng(5))
    code = pose_codes(points).codes.reshape(20, 4).astype(np.float64)
    back = hand_points(code.ravel(), np.ones(20))[0]
    for bone in (2, 8, 11, 16):
        parent = back[bone - 1] - back[0 if bone - 1 in (1, 5, 9, 13, 17) else bone - 2]
        direction = back[bone] - back[bone - 1]
        expected = np.array([1 + parent @ direction, *np.cross(parent, direction)])
        np.testing.assert_allclose(code[bone - 1], expected / np.linalg.norm(expected), atol=1e-6)


def test_a_mirrored_hand_has_another_code_and_mirrored_again_the_same():
    points = hand_points(code_of(0.9, 0.3), BONE_LENGTHS)
    mirror = np.array([-1.0, 1.0, 1.0])
    plain, mirrored, twice = (pose_codes(one).codes for one in (points, points * mirror, points * mirror * mirror))
    assert np.abs(plain - mirrored).max() > 0.1
    np.testing.assert_array_equal(plain, twice)


def test_fingers_bend_towards_the_palm_of_a_right_hand():
    points = hand_points(codes_along(30, 0), BONE_LENGTHS)
    assert (flexion(points) > 0).all()
    assert (flexion(points * np.array([-1.0, 1.0, 1.0])) < 0).all()


@pytest.mark.parametrize(("one", "other"), [(9, 0), (5, 17), (7, 6), (1, 0)])
def test_points_that_coincide_have_no_code(one, other):
    points = random_hand(np.random.default_rng(1))
    points[0, one] = points[0, other]
    poses = pose_codes(points)
    assert not poses.usable.any()
    assert (poses.codes == 0).all()


def test_a_bone_that_turns_right_back_has_a_code():
    points = hand_points(code_of(0.5, 0.5), BONE_LENGTHS)
    points[0, 8] = points[0, 7] - (points[0, 7] - points[0, 6])
    poses = pose_codes(points)
    assert poses.usable.all()
    np.testing.assert_allclose(np.linalg.norm(poses.codes.reshape(20, 4), axis=1), 1, atol=1e-6)


def test_bone_lengths_are_in_palms():
    points = 7 * hand_points(codes_along(20, 3), BONE_LENGTHS) + 2
    np.testing.assert_allclose(bone_lengths(points), BONE_LENGTHS, atol=1e-6)


def test_bone_angles_are_those_of_the_turns():
    angles = bone_angles(code_of(0.5, 0.5)[None], code_of(0.5, 0.7)[None])[0]
    np.testing.assert_allclose(np.flatnonzero(angles > 1e-3), [5, 6, 7])
    np.testing.assert_allclose(angles[5:8], np.degrees(0.2), atol=1e-4)
