import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_description.decisions import Probabilities, choose_thresholds, decide, false_claims, pooled_f1
from model.face_description.labels import EMOTIONS, NOT_SHOWN
from model.face_description.regions import FACE


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((0.0, 0.05, 0.2)))
def test_thresholds_keep_false_claims_within_the_bound(seed, bound) -> None:
    rng = np.random.default_rng(seed)
    there = rng.random((60, 6)) < 0.1
    claims = np.clip(rng.beta(2, 4, (60, 6)) + 0.4 * there, 0.0, 0.9)
    thresholds = choose_thresholds(claims, there, bound)
    assert false_claims(claims >= thresholds, there) <= bound


def test_thresholds_part_what_can_be_parted() -> None:
    there = np.random.default_rng(0).random((200, 6)) < 0.3
    claims = np.where(there, 0.8, 0.1)
    assert pooled_f1(claims >= choose_thresholds(claims, there, 0.02), there) == 1


def found(claims, emotion=3, age=4, sight_of_age=0.9):
    return Probabilities(np.array(claims), sight_of_age, np.eye(7)[emotion], np.eye(10)[age])


def test_a_part_speaks_of_an_emotion_only_with_one_of_its_units() -> None:
    thresholds = np.full(6, 0.5)
    happy = EMOTIONS.index("happy")
    with_smile = decide(found([0, 0, 0, 0.9, 0, 0], happy), thresholds, "mouth")
    without = decide(found([0.9, 0, 0, 0, 0, 0], happy), thresholds, "mouth")
    assert (with_smile.units, with_smile.emotion) == ({12: "clear"}, "happy")
    assert (without.units, without.emotion) == ({1: "clear"}, NOT_SHOWN)
    assert decide(found([0] * 6, happy), thresholds, FACE).emotion == "happy"


def test_age_is_told_where_it_shows_and_what_was_asked_alone() -> None:
    thresholds = np.full(6, 0.5)
    assert decide(found([0.6] * 6, sight_of_age=0.1), thresholds, "nose").age == NOT_SHOWN
    assert decide(found([0.6] * 6, sight_of_age=0.1), thresholds, FACE).age == 4
    only = decide(found([0.6] * 6), thresholds, None, ("age",))
    assert (only.units, only.emotion, only.age) == (None, None, 4)
    assert decide(found([0.6] * 6), thresholds, None).units == dict.fromkeys((1, 2, 6, 12, 25, 26), "faint")


@pytest.mark.parametrize("attributes", [(), ("sex",), ("aus", "identity")])
def test_nothing_else_can_be_asked(attributes) -> None:
    with pytest.raises(ValueError, match="expected some of"):
        decide(found([0.6] * 6), np.full(6, 0.5), None, attributes)


def test_figures_of_nothing() -> None:
    empty = np.zeros((3, 6), dtype=bool)
    assert (pooled_f1(empty, empty), false_claims(empty, empty)) == (0.0, 0.0)
    assert false_claims(~empty, ~empty) == 0.0
    assert false_claims(~empty, empty) == 1.0
