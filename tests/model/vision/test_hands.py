import numpy as np
import pytest

from model.vision.hands import DEFAULT_LIMITS, judged_hands
from model.vision.image import Image

IMAGE = Image(np.zeros((200, 400, 3), dtype=np.uint8), "0" * 64, "image/png")


def hand(low, high):
    """Landmarks along a diagonal between two places."""
    return np.linspace((*low, 0), (*high, 0), 21)


def codes(landmarks, confidence=0.95):
    (found,) = judged_hands(IMAGE, [(landmarks, "left", confidence)], DEFAULT_LIMITS)
    return {fault.code: fault.refused for fault in found.faults}, found


def test_a_clear_hand_has_no_faults():
    faults, found = codes(hand((0.2, 0.2), (0.6, 0.9)))
    assert faults == {}
    assert found.readable
    assert found.size_px == pytest.approx(160)


@pytest.mark.parametrize(
    ("landmarks", "confidence", "expected"),
    [
        (hand((0.2, 0.2), (0.3, 0.3)), 0.95, {"too_small": True}),
        (hand((0.2, 0.2), (0.6, 0.9)), 0.6, {"unsure": False}),
        (hand((0.2, 0.2), (0.6, 0.9)), 0.3, {"unsure": True}),
        (hand((0.7, 0.2), (1.3, 0.9)), 0.95, {"cut_off": False}),
    ],
)
def test_faults_are_reasoned(landmarks, confidence, expected):
    faults, found = codes(landmarks, confidence)
    assert faults == expected
    assert found.readable == (not any(expected.values()))


def test_the_largest_comes_first_and_none_is_an_answer():
    small, large = hand((0, 0), (0.3, 0.3)), hand((0, 0), (0.9, 0.9))
    found = judged_hands(IMAGE, [(small, "left", 0.9), (large, "right", 0.9)], DEFAULT_LIMITS)
    assert [one.handedness for one in found] == ["right", "left"]
    assert judged_hands(IMAGE, [], DEFAULT_LIMITS) == ()
