"""Rank overlaps against their definitions, and what the limits say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.replay.answerer import Answered, ShownItems
from loadtest.replay.difference import Limits, checks, difference, overlap, rank_biased_overlap, summary

LISTS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


def answered(*lists, latency_ms=1.0, scores=None, compliant=True, **fields):
    shown = [
        ShownItems(list(items), scores or np.linspace(1, 0, len(items)).tolist(), [compliant] * len(items))
        for items in lists
    ]
    return Answered(latency_ms, source="model", release="r", lists=tuple(shown), **fields)


def biased(one, other, persistence, depth):
    """The definition, summed to a depth beyond which nothing counts, the lists going on as they agree at their ends."""
    agreement = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, len(one) + 1)]
    agreement += [agreement[-1]] * (depth - len(one))
    return (1 - persistence) * sum(share * persistence**d for d, share in enumerate(agreement))


@given(st.permutations("abcdef"), st.permutations("bcdefg"), st.floats(0.5, 0.95))
def test_rank_biased_overlap_is_its_definition(one, other, persistence):
    found = rank_biased_overlap(one, other, persistence)
    assert found == pytest.approx(biased(one, other, persistence, 2_000), abs=1e-9)


@given(LISTS, LISTS)
def test_rank_biased_overlap_is_symmetric_and_between_nothing_and_the_same(one, other):
    found = rank_biased_overlap(one, other)
    assert found == pytest.approx(rank_biased_overlap(other, one))
    assert -1e-12 <= found <= 1 + 1e-12
    assert rank_biased_overlap(one, one) == pytest.approx(1)
    if not set(one) & set(other) and (one or other):
        assert found == 0


def test_the_top_counts_most():
    ours = list("abcdefgh")
    top, bottom = ["x", *ours[1:]], [*ours[:-1], "x"]
    assert rank_biased_overlap(ours, top) < rank_biased_overlap(ours, bottom)
    assert overlap(ours, top) == overlap(ours, bottom) == 7 / 8
    assert (overlap([], []), overlap([], ["a"])) == (1.0, 0.0)


def test_what_differs_is_told():
    found = difference(answered("abc", "de"), answered("abd", "de"))
    assert found is not None
    assert found.list_overlap == pytest.approx((2 / 3 + 1) / 2)
    assert not found.same
    assert found.shifts == [0.0, 0.0, 0.0, 0.0]
    assert difference(answered("abc"), answered("abc", "de")) is None


def test_figures_and_limits():
    befores = [answered("abc", latency_ms=1.0)] * 9 + [answered("abc", fault="overloaded")]
    afters = [answered("abc", latency_ms=3.0, scores=[1.5, 1.0, 0.5])] * 9 + [answered("abc")]
    figures = summary(befores, afters)
    assert (figures["requests"], figures["compared"], figures["same_lists"]) == (10, 9, 1.0)
    assert figures["score_shift"] == pytest.approx(0.5)
    assert figures["score_shift_in_deviations"] == pytest.approx(0.5 / np.std([1, 0.5, 0]))
    assert figures["latency_ratio"]["p50"] == pytest.approx(3)
    assert figures["before"]["faults"] == {"overloaded": 1}
    strict = Limits(min_overlap=1.0, min_rank_biased=0.99, max_score_shift=0.1, max_latency_ratio=2.0)
    assert {one.what for one in checks(figures, strict) if not one.ok} == {
        "score shift, deviations",
        "latency p99, ratio",
    }
    assert all(one.ok for one in checks(figures, Limits()))
    broken = checks(summary(befores, [answered("abc", compliant=False)] * 10), Limits())
    assert [one.what for one in broken if not one.ok] == ["compliance after"]


def test_nothing_to_compare_breaks_its_limit():
    found = checks(summary([answered("a", fault="x")], [answered("a", fault="x")]), Limits(min_overlap=0.1))
    assert [one.ok for one in found] == [False] * 4
