"""Exploration: propensities against enumeration of every possible slate, and what chance must not touch."""

from itertools import permutations
from math import exp, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from service.exploration import Chance, Exploration, explored_slate
from service.slate import merge_slate, promised_owners


@st.composite
def cases(draw):
    """Candidates of up to three instructions over few rows, so that they compete; quotas of at most k in all."""
    lists = draw(st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), min_size=1, max_size=3))
    k = draw(st.integers(1, 4))
    quotas = [draw(st.integers(0, k)) for _ in lists]
    quotas = quotas if sum(quotas) <= k else [0] * len(lists)
    rows = [np.array(own, dtype=np.int64) for own in lists]
    scores = [np.array(sorted((draw(st.floats(-1, 1)) for _ in own), reverse=True), np.float32) for own in lists]
    temperature = draw(st.one_of(st.none(), st.floats(0.2, 2)))
    share = draw(st.sampled_from([0.3, 1.0] if temperature is None else [0.0, 0.3, 1.0]))
    return rows, scores, quotas, k, Exploration(temperature=temperature, uniform_share=share)


def enumerated(rows, scores, quotas, k, exploration):
    """slate -> probability, by the definition: whoever has the turn chooses among what it may take."""
    owner = promised_owners([own.tolist() for own in rows], quotas, k)
    urns = [
        [(row, float(score)) for row, score in zip(own.tolist(), points, strict=True) if owner.get(row, index) == index]
        for index, (own, points) in enumerate(zip(rows, scores, strict=True))
    ]
    found = {}

    def go(slate, turn, owed, probability):
        shown = [row for row, _ in slate]
        left = [[one for one in urn if one[0] not in shown] for urn in urns]
        if len(slate) == k or not any(left):
            found[tuple(slate)] = found.get(tuple(slate), 0.0) + probability
            return
        bound = k - len(slate) == sum(owed)
        index = next(
            one % len(urns)
            for one in range(turn, turn + len(urns))
            if left[one % len(urns)] and (owed[one % len(urns)] or not bound)
        )
        for (row, _), chance in zip(left[index], chances(left[index], exploration), strict=True):
            if chance:
                rest = [max(0, one - (place == index)) for place, one in enumerate(owed)]
                go([*slate, (row, index)], index + 1, rest, probability * chance)

    go([], 0, [list(owner.values()).count(index) for index in range(len(rows))], 1.0)
    return found


def chances(left, exploration):
    """Of every candidate left of one instruction; best first."""
    share, number = exploration.uniform_share, len(left)
    if exploration.temperature is None:
        soft = [1.0] + [0.0] * (number - 1)
    else:
        raised = [exp((score - left[0][1]) / exploration.temperature) for _, score in left]
        soft = [one / sum(raised) for one in raised]
    return [share / number + (1 - share) * one for one in soft]


@settings(deadline=None, max_examples=150)
@given(cases(), st.integers(0, 10**9))
def test_propensities_are_those_of_the_definition(case, seed):
    expected = enumerated(*case)
    assert sum(expected.values()) == pytest.approx(1)
    slate, drawn = explored_slate(*case, Chance("salt", str(seed)))
    assert prod(drawn.probability) == pytest.approx(expected[tuple(zip(slate.rows, slate.instructions, strict=True))])


@pytest.mark.parametrize(("temperature", "share"), [(0.3, 0.0), (0.3, 0.4), (None, 0.5)])
@pytest.mark.parametrize("quotas", [(0, 0), (0, 2)])
def test_slates_come_as_often_as_their_propensities_say(temperature, share, quotas):
    rows = [np.array([1, 2, 3, 4]), np.array([3, 5, 1])]
    scores = [np.array([0.9, 0.8, 0.5, 0.1], np.float32), np.array([0.7, 0.6, 0.2], np.float32)]
    exploration = Exploration(temperature=temperature, uniform_share=share)
    expected, number = enumerated(rows, scores, quotas, 3, exploration), 4_000
    counts = dict.fromkeys(expected, 0)
    for request in range(number):
        slate, _ = explored_slate(rows, scores, quotas, 3, exploration, Chance("salt", str(request)))
        counts[tuple(zip(slate.rows, slate.instructions, strict=True))] += 1
    often = [one for one in expected if expected[one] * number >= 5]
    rare = number - sum(counts[one] for one in often), number - sum(expected[one] for one in often) * number
    observed, meant = [counts[one] for one in often] + [rare[0]], [expected[one] * number for one in often] + [rare[1]]
    if rare[1] < 1e-6:
        assert rare[0] == 0
        observed, meant = observed[:-1], meant[:-1]
    assert chisquare(observed, meant).pvalue > 0.001


@settings(deadline=None, max_examples=150)
@given(cases(), st.integers(0, 10**9))
def test_chance_changes_neither_length_nor_quotas_nor_whose_items_they_are(case, seed):
    rows, scores, quotas, k, _ = case
    plain = merge_slate(rows, scores, quotas, k)
    slate, drawn = explored_slate(*case, Chance("salt", str(seed)))
    assert len(slate) == len(plain) == len(drawn.probability) == len(drawn.candidates)
    assert len(set(slate.rows)) == len(slate)
    assert all(0 < one <= 1 for one in drawn.probability)
    promised = list(promised_owners([own.tolist() for own in rows], quotas, k).values())
    for index in range(len(rows)):
        assert slate.instructions.count(index) >= promised.count(index)
    for row, score, index in zip(slate.rows, slate.scores, slate.instructions, strict=True):
        assert score == scores[index][rows[index].tolist().index(row)]


def test_almost_no_temperature_is_the_list_that_is_shown_without_chance():
    generator = np.random.default_rng(4)
    rows = [generator.permutation(40)[:20] for _ in range(3)]
    scores = [np.linspace(1, 0, 20, dtype=np.float32) for _ in range(3)]
    slate, drawn = explored_slate(rows, scores, (0, 0, 0), 12, Exploration(temperature=1e-4), Chance("salt", "r"))
    assert slate == merge_slate(rows, scores, (0, 0, 0), 12)
    assert drawn.probability == pytest.approx([1] * 12)


def test_a_slate_can_be_drawn_again_by_salt_and_request_alone():
    rows, scores = [np.arange(30)], [np.linspace(1, 0, 30, dtype=np.float32)]
    exploration = Exploration(temperature=0.2, uniform_share=0.1)

    def rows_of(salt, request):
        return explored_slate(rows, scores, (0,), 10, exploration, Chance(salt, request))[0].rows

    assert rows_of("one", "r-1") == rows_of("one", "r-1") == [3, 5, 1, 2, 9, 12, 0, 21, 14, 4]
    assert len({tuple(rows_of(salt, request)) for salt in ("one", "two") for request in ("r-1", "r-2")}) == 4


def test_uniform_slates_are_permutations_equally_often():
    rows, scores = [np.arange(3)], [np.array([9.0, 1.0, 0.0], np.float32)]
    counts = dict.fromkeys(permutations(range(3)), 0)
    for request in range(3_000):
        slate, drawn = explored_slate(rows, scores, (0,), 3, Exploration(uniform_share=1), Chance("s", str(request)))
        counts[tuple(slate.rows)] += 1
        assert drawn.probability == pytest.approx([1 / 3, 1 / 2, 1])
        assert drawn.candidates == [3, 2, 1]
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_quotas_above_k_are_refused():
    with pytest.raises(ValueError, match="at most k = 2"):
        explored_slate([np.arange(3)], [np.zeros(3)], (3,), 2, Exploration(temperature=1), Chance("s", "r"))
