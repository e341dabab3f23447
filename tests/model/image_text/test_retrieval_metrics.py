"""The seven metrics: by hand, with ties, several sentences and any relevance."""

import numpy as np
import pytest

from model.image_text.retrieval_metrics import (
    both_ways,
    fold_metrics,
    owner_relevance,
    ranks,
    rsum_by_image,
    seven_metrics,
)

SEVEN = ("i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10", "rsum")


def test_the_identity_is_perfect():
    found = seven_metrics(np.eye(20), np.eye(20, dtype=bool))
    assert [found[name] for name in SEVEN] == [100.0] * 6 + [600.0]
    assert (found["i2t_median"], found["t2i_mean"]) == (1.0, 0.0)


def test_the_anti_diagonal_finds_what_lies_where_it_crosses():
    # Of 21 images only the middle one has its own sentence first; ties between zeros are pessimistic.
    found = seven_metrics(np.eye(21)[::-1], np.eye(21, dtype=bool))
    assert found["i2t_r1"] == found["t2i_r10"] == pytest.approx(100 / 21)


def test_a_constant_matrix_finds_nothing():
    assert seven_metrics(np.ones((30, 30)), np.eye(30, dtype=bool))["rsum"] == 0.0


def test_ties_between_right_ones_do_no_harm_and_with_a_wrong_one_they_do():
    relevant = np.array([[True, True, False]])
    assert ranks(np.array([[1.0, 1.0, 0.0]]), relevant).tolist() == [0]
    assert ranks(np.array([[1.0, 1.0, 1.0]]), relevant).tolist() == [1]


def test_five_sentences_an_image_by_hand():
    owner = np.arange(10) // 5
    sims = np.zeros((2, 10))
    sims[0] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.8, 0, 0, 0]  # two sentences of the other image are ahead
    sims[1] = [0.6, 0, 0, 0, 0, 0.7, 0.9, 0.1, 0.1, 0.1]
    found = seven_metrics(sims, owner_relevance(owner, 2))
    assert (found["i2t_r1"], found["i2t_r5"]) == (50.0, 100.0)
    # By column: sentence 0 wrong, 1 to 4 right, 5 wrong, 6 to 9 right.
    assert found["t2i_r1"] == 80.0


def test_a_sentence_may_belong_to_several_images():
    relevant = np.array([[True, False], [True, True]])
    assert ranks(np.array([[0.2, 0.1], [0.9, 0.3]]).T, relevant.T).tolist() == [0, 0]


def test_folds_are_averaged():
    perfect, wrong = np.eye(4), np.eye(4)[::-1]
    sims = np.block([[perfect, np.full((4, 4), 9.0)], [np.full((4, 4), 9.0), wrong]])
    relevant = np.eye(8, dtype=bool)
    found = fold_metrics(sims, sims, relevant, images_per_fold=4)
    expected = [seven_metrics(one, np.eye(4, dtype=bool))["rsum"] for one in (perfect, wrong)]
    assert found["rsum"] == pytest.approx(np.mean(expected))


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match="relevant column"):
        ranks(np.eye(2), np.array([[True, False], [False, False]]))
    with pytest.raises(ValueError, match="NaN"):
        ranks(np.array([[np.nan]]), np.array([[True]]))
    with pytest.raises(ValueError, match="folds of 3"):
        fold_metrics(np.eye(4), np.eye(4), np.eye(4, dtype=bool), images_per_fold=3)


def test_the_shares_of_the_images_are_the_rsum_of_both_ways():
    rng = np.random.default_rng(0)
    relevant = owner_relevance(np.repeat(np.arange(12), 3), 12)
    by_image, by_text = rng.normal(size=(2, *relevant.shape)) + relevant
    shares = rsum_by_image(by_image, by_text, relevant)
    assert shares.shape == (12,)
    assert shares.mean() == pytest.approx(both_ways(by_image, by_text, relevant)["rsum"])
    # What is changed of one image's row changes its own share alone, on the way from images to texts.
    changed = by_image.copy()
    changed[5] = -changed[5]
    assert np.flatnonzero(rsum_by_image(changed, by_text, relevant) != shares).tolist() in ([], [5])
