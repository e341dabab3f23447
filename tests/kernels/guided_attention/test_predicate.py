import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits, satisfies

NUM_WORDS = 3
bits = st.sets(st.integers(0, 64 * NUM_WORDS - 1) | st.sampled_from([0, 62, 63, 64, 127, 191]), max_size=6)


def words(values: set[int]) -> Tensor:
    """int64 [NUM_WORDS], the top bit of a word being its sign."""
    unsigned = [sum(1 << (value - 64 * word) for value in values if value // 64 == word) for word in range(NUM_WORDS)]
    return torch.tensor([number - (1 << 64) if number >> 63 else number for number in unsigned])


def condition(any_of: list[set[int]], all_of: set[int], none_of: set[int]) -> ConditionBits:
    groups = torch.stack([words(group) for group in any_of]) if any_of else torch.zeros(1, NUM_WORDS, dtype=torch.int64)
    return ConditionBits(groups, words(all_of), words(none_of))


@settings(max_examples=400, deadline=None)
@given(bits, st.lists(bits.filter(bool), max_size=3), bits, bits)
def test_it_means_what_sets_mean(item: set[int], any_of: list[set[int]], all_of: set[int], none_of: set[int]) -> None:
    expected = all(item & group for group in any_of) and all_of <= item and not none_of & item
    assert satisfies(words(item), condition(any_of, all_of, none_of)).item() is expected


@settings(max_examples=100, deadline=None)
@given(bits, bits)
def test_clauses_made_of_the_item_itself_hold(item: set[int], more: set[int]) -> None:
    assert satisfies(words(item), condition([item | more] if item else [], item, more - item))


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 191])
def test_every_bit_of_every_word_counts(value: int) -> None:
    holder, other = words({value}), words({(value + 1) % 192})
    for clause, expected in (
        (condition([{value}], set(), set()), (True, False)),
        (condition([], {value}, set()), (True, False)),
        (condition([], set(), {value}), (False, True)),
    ):
        assert (satisfies(holder, clause).item(), satisfies(other, clause).item()) == expected


def test_an_empty_condition_and_a_padded_group_demand_nothing() -> None:
    item = words({5})
    assert satisfies(item, condition([], set(), set()))
    assert satisfies(words(set()), condition([], set(), set()))
    padded = condition([{5}, set()], set(), set())
    assert satisfies(item, padded)
    assert not satisfies(words({6}), padded)


def test_leading_axes_broadcast() -> None:
    items = torch.stack([words({1}), words({70}), words({1, 70}), words(set())])
    conditions = [condition([{1, 70}], set(), set()), condition([], {1, 70}, set()), condition([], set(), {70})]
    stacked = ConditionBits(*(torch.stack(parts) for parts in zip(*conditions, strict=True)))
    table = satisfies(items, stacked.unsqueeze(1))
    assert table.dtype == torch.bool
    assert table.tolist() == [[True, True, True, False], [False, False, True, False], [True, False, False, True]]
