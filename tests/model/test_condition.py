import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.condition import Condition, pack_words, stack_bits

values = st.integers(0, 20)
groups = st.lists(st.lists(values, min_size=1, max_size=4), max_size=3)
conditions = st.builds(Condition.build, groups, st.lists(values, max_size=3), st.lists(values, max_size=3))


def holds(condition: Condition, item: set[int]) -> bool:
    return (
        all(set(group) & item for group in condition.any_of)
        and set(condition.all_of) <= item
        and not set(condition.none_of) & item
    )


def test_the_canonical_form_forgets_order_and_repetition() -> None:
    written = Condition.build([[3, 1, 3], [9, 2], [1, 3]], [7, 5, 7], [4, 4])
    assert written == Condition(any_of=((1, 3), (2, 9)), all_of=(5, 7), none_of=(4,))
    again = Condition.build([[2, 9], [1, 3]], [5, 7], [4])
    assert again == written
    assert hash(again) == hash(written)


def test_a_group_of_one_value_is_an_all_clause() -> None:
    assert Condition.build(any_of=[[6, 6]]) == Condition.of(6) == Condition(all_of=(6,))


@settings(max_examples=300, deadline=None)
@given(groups, st.lists(values, max_size=3), st.lists(values, max_size=3), st.sets(values))
def test_building_keeps_the_meaning(any_of: list, all_of: list, none_of: list, item: set[int]) -> None:
    as_written = all(set(group) & item for group in any_of) and set(all_of) <= item and not set(none_of) & item
    assert holds(Condition.build(any_of, all_of, none_of), item) is as_written


@settings(max_examples=300, deadline=None)
@given(conditions, conditions, st.sets(values))
def test_and_is_a_conjunction_in_canonical_form(first: Condition, second: Condition, item: set[int]) -> None:
    both = first & second
    assert holds(both, item) is (holds(first, item) and holds(second, item))
    assert both == second & first == Condition.build(both.any_of, both.all_of, both.none_of)
    assert both & both == both


def test_only_the_empty_condition_is_false() -> None:
    assert not Condition()
    assert not Condition.build()
    for condition in (Condition.of(0), Condition.build(none_of=[0]), Condition.build(any_of=[[0, 1]])):
        assert condition
        assert condition & Condition() == condition


def test_mentioned_are_the_values_of_every_clause() -> None:
    assert Condition.build([[1, 2], [2, 3]], [4], [5]).mentioned == {1, 2, 3, 4, 5}
    assert Condition().mentioned == frozenset()


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (Condition.build(all_of=[1], none_of=[1, 2]), "both required and refused"),
        (Condition.build(any_of=[[1, 2], [3, 4]], none_of=[3, 4, 5]), "any-clause is refused"),
        (Condition.build(any_of=[[1, 2]], none_of=[1]), None),
        (Condition.build(any_of=[[1, 2]], all_of=[1, 2], none_of=[3]), None),
        (Condition(), None),
    ],
)
def test_contradictions_name_their_reason(condition: Condition, reason: str | None) -> None:
    found = condition.contradiction()
    assert (found is None) if reason is None else (found is not None and reason in found)


@settings(max_examples=200, deadline=None)
@given(conditions, st.sets(values))
def test_what_contradicts_itself_holds_for_nothing(condition: Condition, item: set[int]) -> None:
    assert condition.contradiction() is None or not holds(condition, item)


@pytest.mark.parametrize("num_values", [1, 8, 64, 65, 130])
def test_packed_words_hold_exactly_the_values(num_values: int) -> None:
    num_words = -(-num_values // 64)
    chosen = {0, num_values // 2, num_values - 1}
    words = pack_words(chosen, num_words).view(np.uint64)
    assert words.shape == (num_words,)
    assert {value for value in range(64 * num_words) if int(words[value // 64]) >> (value % 64) & 1} == chosen


def test_a_batch_is_padded_with_groups_that_demand_nothing() -> None:
    batch = stack_bits([Condition.build([[0, 1], [2, 65]], [3], [4]), Condition.of(63), Condition()], 2)
    assert batch.any_of.shape == (3, 2, 2)
    assert batch.all_of.shape == batch.none_of.shape == (3, 2)
    assert batch.any_of.tolist() == [[[3, 0], [4, 2]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]
    assert batch.all_of.tolist() == [[8, 0], [-(1 << 63), 0], [0, 0]]
    assert batch.none_of.tolist() == [[16, 0], [0, 0], [0, 0]]


def test_a_batch_without_any_groups_still_has_the_axis() -> None:
    assert stack_bits([Condition()], 1).any_of.shape == (1, 1, 1)
