"""Two stages against the definition: full scoring of every cover, sorted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.artwork.search import Weights, first_stage, one_of_each, second_stage, z
from tests.model.artwork.libraries import GENRES, made_up_addition, made_up_library, unit

LIBRARY = made_up_library(60)
WITH_ADDITIONS = made_up_library(60, additions=[made_up_addition("cover-7"), made_up_addition("new", seed=2)])
WHERES = [
    {},
    {"genre": {"any": ["rock"]}},
    {"genre": {"any": ["rock", "jazz"]}, "mood": {"none": ["calm"]}},
    {"mood": {"all": ["calm", "loud"]}},
]


def query(seed):
    return unit(np.random.default_rng(seed).normal(size=8))


def pair_table(library, seed):
    return np.random.default_rng(seed).permutation(len(library.base) + len(library.additions)).astype(np.float64)


def satisfies(cover, where):
    values = {"genre": set(cover.attributes.get("genre", ())), "mood": set(cover.attributes.get("mood", ()))}
    return all(
        (not set(clauses.get("any", ())) or values[name] & set(clauses["any"]))
        and set(clauses.get("all", ())) <= values[name]
        and not values[name] & set(clauses.get("none", ()))
        for name, clauses in where.items()
    )


def visible(library):
    rows = np.setdiff1d(np.arange(len(library.base) + len(library.additions)), library.hidden)
    return {int(row): library.cover(int(row)) for row in rows}


@pytest.mark.parametrize("library", [LIBRARY, WITH_ADDITIONS])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_all_candidates_and_an_infinite_weight_are_the_full_pairwise_ranking(library, seed):
    number, scores = len(library), pair_table(library, seed)
    found = first_stage(library, query(seed), "", [library.select({})], number, number, 0.0)
    ranking = second_stage(found, Weights(pair=1e12, text=0.0), number, lambda rows: scores[rows])
    expected = sorted(visible(library), key=lambda row: -scores[row])
    assert ranking.finished
    assert found.rows[ranking.positions].tolist() == expected


@pytest.mark.parametrize("library", [LIBRARY, WITH_ADDITIONS])
@pytest.mark.parametrize("where", WHERES)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 70), depth=st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_every_list_is_compliant_and_full(library, where, seed, k, depth):
    found = first_stage(library, query(seed), "blue train", [library.select(where)], k, depth, 1.0)
    eligible = {row for row, cover in visible(library).items() if satisfies(cover, where)}
    assert set(found.rows.tolist()) <= eligible
    assert found.eligible == (len(eligible),)
    kept = one_of_each(library, found.rows, np.arange(len(found.rows)), k)
    assert len(kept) == min(k, len({library.picture(row) for row in eligible}))


@given(seed=st.integers(0, 10**6), depth=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_the_second_stage_cannot_find_what_the_first_did_not(seed, depth):
    scores = pair_table(LIBRARY, seed)
    found = first_stage(LIBRARY, query(seed), "", [LIBRARY.select({})], 1, depth, 0.0)
    ranking = second_stage(found, Weights(pair=1e12, text=0.0), depth, lambda rows: scores[rows])
    ceiling = np.argsort(-(LIBRARY.base.vectors.astype(np.float64) @ query(seed)), kind="stable")[:depth]
    assert set(found.rows[ranking.positions].tolist()) == set(ceiling.tolist())
    assert found.rows[ranking.positions[0]] == max(ceiling, key=lambda row: scores[row])


def test_a_deadline_leaves_the_order_of_the_first_stage_and_no_half_ranking():
    found = first_stage(LIBRARY, query(3), "", [LIBRARY.select({})], 30, 30, 0.0)
    left = iter([True, True, False])
    calls = []

    def scores(rows):
        calls.append(len(rows))
        return np.arange(len(rows), dtype=np.float32)

    ranking = second_stage(found, Weights(), 30, scores, lambda: next(left))
    assert (ranking.finished, len(calls)) == (False, 2)
    assert ranking.positions.tolist() == list(range(len(found.rows)))
    assert np.isnan(ranking.pair).all()


def test_scores_are_the_fusion_that_is_documented():
    found = first_stage(LIBRARY, query(4), "gold dust", [LIBRARY.select({})], 12, 12, 0.7)
    scores = pair_table(LIBRARY, 4)
    ranking = second_stage(found, Weights(pair=0.4, text=0.7), len(found.rows), lambda rows: scores[rows])
    pair = scores[found.rows]
    by_hand = (found.image - found.image.mean()) / found.image.std() + 0.7 * found.text
    by_hand += 0.4 * (pair - pair.mean()) / pair.std()
    np.testing.assert_allclose(ranking.scores, by_hand, rtol=1e-12)
    assert ranking.positions.tolist() == np.argsort(-by_hand, kind="stable").tolist()


def test_lettering_brings_in_what_vectors_miss():
    library = made_up_library(60, additions=[made_up_addition("lettered", read_text=("ZANZIBAR", "Express"))])
    far = -library.vectors(np.array([60]))[0]
    where = [library.select({})]
    without = first_stage(library, far, "a red door", where, 1, 5, 1.0)
    found = first_stage(library, far, "zanzibar express", where, 1, 5, 10.0)
    assert 60 not in without.rows
    assert found.rows[0] == 60
    refused = first_stage(library, far, "zanzibar express", [library.select({"genre": {"none": ["jazz"]}})], 1, 5, 10.0)
    assert 60 not in refused.rows


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_several_selections_are_their_union_and_each_row_names_one_that_it_satisfies(seed):
    wheres = [{"genre": {"any": [genre]}} for genre in GENRES[:2]]
    selections = [LIBRARY.select(where) for where in wheres]
    found = first_stage(LIBRARY, query(seed), "", selections, 60, 60, 0.0)
    assert len(set(found.rows.tolist())) == len(found.rows) == sum(found.eligible)
    for row, number in zip(found.rows.tolist(), found.chosen_by.tolist(), strict=True):
        assert satisfies(LIBRARY.cover(row), wheres[number])


def test_equal_scores_do_not_divide_by_zero():
    assert z(np.full(3, 0.25)).tolist() == [0, 0, 0]
    assert z(np.empty(0)).tolist() == []
