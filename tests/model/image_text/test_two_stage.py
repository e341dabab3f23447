"""Two-stage ranking against the full ranking, and its ceiling."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.image_text.two_stage import fuse, rerank, z_scores

MATRICES = arrays(np.float64, (3, 6), elements=st.integers(-50, 50), unique=True)


@settings(max_examples=40, deadline=None)
@given(MATRICES, MATRICES)
def test_all_candidates_and_an_infinite_weight_are_the_full_pairwise_ranking(sims, scores):
    found = rerank(sims, scores, top_k=6, alpha=np.inf)
    assert (np.argsort(-found, axis=1) == np.argsort(-scores, axis=1)).all()


@settings(max_examples=40, deadline=None)
@given(MATRICES, MATRICES, st.integers(1, 5), st.floats(0, 5))
def test_what_the_first_stage_leaves_out_stays_behind_in_its_order(sims, scores, top_k, alpha):
    first = np.argsort(-sims, axis=1, kind="stable")
    found = np.argsort(-rerank(sims, scores, top_k, alpha), axis=1, kind="stable")
    assert (np.sort(found[:, :top_k]) == np.sort(first[:, :top_k])).all()
    assert (found[:, top_k:] == first[:, top_k:]).all()


def test_a_weight_of_zero_is_the_first_stage():
    sims, scores = np.random.default_rng(0).normal(size=(2, 4, 9))
    assert (np.argsort(-rerank(sims, scores, 5, 0.0), axis=1) == np.argsort(-sims, axis=1)).all()


def test_z_scores_of_equal_values_are_zero():
    assert z_scores(np.full((2, 3), 7.0)).tolist() == [[0.0] * 3] * 2
    assert np.allclose(fuse(np.array([1.0, 2.0, 3.0]), np.full(3, 5.0), 2.0), z_scores(np.array([1.0, 2.0, 3.0])))
