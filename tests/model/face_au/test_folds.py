import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_au.folds import Parts, drawn_folds, drawn_parts, fold_parts
from model.face_au.frames import Frames
from model.face_au.sources import bp4d, disfa


def frames_of(people) -> Frames:
    count = len(people)
    labels, landmarks = np.zeros((count, 1), np.float32), np.zeros((count, 49, 2), np.float32)
    return Frames(("AU12",), tuple(range(count)), tuple(people), labels, landmarks)  # type: ignore[arg-type]


def test_a_person_in_two_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="expected ann in one part, got it in train and test"):
        Parts(frames_of(["ann", "bo"]), frames_of(["cy"]), frames_of(["di", "ann"]))
    with pytest.raises(ValueError, match="validation part, got none"):
        Parts(frames_of(["ann"]), frames_of([]), frames_of(["bo"]))


def test_a_person_in_two_folds_is_refused() -> None:
    people = frames_of(["ann", "bo", "cy", "di"])
    with pytest.raises(ValueError, match="expected bo in one fold"):
        fold_parts(people, [["ann", "bo"], ["bo", "cy"], ["di"]], 0)
    with pytest.raises(ValueError, match=r"got \['di'\] in none"):
        fold_parts(people, [["ann"], ["bo"], ["cy"]], 0)
    with pytest.raises(ValueError, match="expected a fold"):
        fold_parts(people, [["ann", "bo"], ["cy"], ["di"]], 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40).map(str), min_size=30, max_size=90), st.integers(0, 2))
def test_folds_share_nobody_and_lose_nobody(people: list[str], fold: int) -> None:
    folds = drawn_folds(people)
    if min(map(len, folds)) < 1 or len(set(people)) < 9:
        return
    parts = fold_parts(frames_of(people), folds, fold)
    groups = [set(part.people) for part in (parts.train, parts.validation, parts.test)]
    assert set.union(*groups) == set(people)
    assert sum(map(len, groups)) == len(set(people))
    assert groups[2] == set(folds[fold])
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(people)


def test_every_person_is_tested_once() -> None:
    people = [str(person) for person in range(20)]
    tested = [
        person for fold in range(3) for person in fold_parts(frames_of(people), drawn_folds(people), fold).test.people
    ]
    assert sorted(tested) == sorted(people)


@pytest.mark.parametrize(("folds", "count"), [(bp4d.FOLDS, 41), (disfa.FOLDS, 27)])
def test_the_published_folds_name_everybody_once(folds, count: int) -> None:
    people = [person for fold in folds for person in fold]
    assert len(people) == len(set(people)) == count


def test_drawn_parts_do_not_depend_on_the_order_or_on_who_else_is_there() -> None:
    people = [f"face-{number}" for number in range(200)]
    parts, fewer = drawn_parts(frames_of(people)), drawn_parts(frames_of(people[100:][::-1]))
    assert set(fewer.test.people) == set(parts.test.people) & set(people[100:])
    assert 15 < len(parts.test) < 45
