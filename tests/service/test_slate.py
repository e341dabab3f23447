"""The merged list against its three promises: quotas, turns, and a full list without repeats."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.slate import merge_slate


@st.composite
def slates(draw, max_items=12, max_instructions=4, max_k=6):
    """(rows, scores, quotas, k, eligible) with min(k, eligible) candidates per instruction, as retrieval gives them."""
    k = draw(st.integers(1, max_k))
    eligible = draw(st.lists(st.sets(st.integers(0, max_items - 1)), min_size=1, max_size=max_instructions))
    rows = [np.array(draw(st.permutations(sorted(items)))[:k], dtype=np.int64) for items in eligible]
    scores = [np.linspace(1, 0, len(own), dtype=np.float32) for own in rows]
    quotas, left = [], k
    for _ in rows:
        quotas.append(draw(st.integers(0, left)))
        left -= quotas[-1]
    return rows, scores, quotas, k, eligible


def most_promised_places(rows, quotas):
    """A largest assignment by trying every one: each promised place takes one of its candidates or stays empty."""
    places = [[None, *own.tolist()] for own, quota in zip(rows, quotas, strict=True) for _ in range(quota)]
    best = 0
    for taken in itertools.product(*places):
        used = [row for row in taken if row is not None]
        if len(used) == len(set(used)):
            best = max(best, len(used))
    return best


@settings(max_examples=500, deadline=None)
@given(slates())
def test_full_unique_and_owned(case):
    rows, scores, quotas, k, eligible = case
    merged = merge_slate(rows, scores, quotas, k)
    assert len(merged) == len(set(merged.rows)) == min(k, len(set().union(*eligible)))
    for row, score, instruction in zip(merged.rows, merged.scores, merged.instructions, strict=True):
        assert score == scores[instruction][rows[instruction].tolist().index(row)]


@settings(max_examples=300, deadline=None)
@given(slates(max_items=5, max_instructions=3, max_k=4))
def test_quotas_are_filled_as_far_as_any_assignment_can(case):
    rows, scores, quotas, k, _ = case
    merged = merge_slate(rows, scores, quotas, k)
    counts = np.bincount(merged.instructions, minlength=len(rows))
    assert sum(min(count, quota) for count, quota in zip(counts, quotas, strict=True)) == most_promised_places(
        rows, quotas
    )


@settings(max_examples=300, deadline=None)
@given(slates())
def test_without_quotas_instructions_take_turns(case):
    rows, scores, _, k, _ = case
    merged = merge_slate(rows, scores, [0] * len(rows), k)
    expected, lists = [], [list(map(int, own)) for own in rows]
    while len(expected) < k and any(lists):
        for index, own in enumerate(lists):
            while own and own[0] in {row for row, _ in expected}:
                own.pop(0)
            if own and len(expected) < k:
                expected.append((own.pop(0), index))
    assert list(zip(merged.rows, merged.instructions, strict=True)) == expected


@settings(max_examples=200, deadline=None)
@given(slates())
def test_with_quotas_the_order_is_that_of_turns_too(case):
    rows, scores, quotas, k, _ = case
    merged = merge_slate(rows, scores, quotas, k)
    turn_of, taken = [], [0] * len(rows)
    for instruction in merged.instructions:
        turn_of.append((taken[instruction], instruction))
        taken[instruction] += 1
    assert turn_of == sorted(turn_of)
    for index in range(len(rows)):
        own = [score for score, chosen_by in zip(merged.scores, merged.instructions, strict=True) if chosen_by == index]
        assert own == sorted(own, reverse=True)


def test_an_instruction_gives_way_to_one_that_has_no_other_item():
    rows = [np.array([1, 2]), np.array([1])]
    scores = [np.array([0.9, 0.8]), np.array([0.7])]
    merged = merge_slate(rows, scores, [1, 1], 2)
    assert set(zip(merged.rows, merged.instructions, strict=True)) == {(2, 0), (1, 1)}


def test_quotas_above_k_are_refused():
    with pytest.raises(ValueError, match="expected quotas of at most k = 1 in all, got 2"):
        merge_slate([np.array([1]), np.array([2])], [np.array([1.0]), np.array([1.0])], [1, 1], 1)


def test_one_list_keeps_its_order():
    merged = merge_slate([np.array([5, 3, 9])], [np.array([0.5, 0.4, 0.3])], [0], 2)
    assert (merged.rows, merged.scores, merged.instructions) == ([5, 3], [0.5, 0.4], [0, 0])
