import math
from collections.abc import Callable

import numpy as np
import pytest

from model.metrics import (
    UNRANKED,
    condition_compliance,
    coverage,
    hit_rate,
    hits,
    list_overlap,
    mean_and_standard_error,
    ndcg,
    recall_at,
)

RANKS = np.array([0, 2, 9, 10, UNRANKED])


@pytest.mark.parametrize(("top_k", "expected"), [(1, 0.2), (2, 0.2), (3, 0.4), (10, 0.6), (11, 0.8), (10_000, 0.8)])
def test_hit_rate_is_the_share_of_ranks_below_k(top_k: int, expected: float) -> None:
    assert hit_rate(RANKS, top_k) == pytest.approx(expected)
    assert hits(RANKS, top_k).sum() == 5 * expected


def test_ndcg_discounts_by_the_position() -> None:
    assert ndcg(np.array([0]), 10) == 1.0
    assert ndcg(np.array([1]), 10) == pytest.approx(0.6309297535714575)
    assert ndcg(np.array([2]), 10) == 0.5
    # (1 + 1/2 + 1/log2(11) + 0 + 0) / 5
    assert ndcg(RANKS, 10) == pytest.approx((1.5 + 0.2890648263178879) / 5)
    assert ndcg(RANKS, 2) == pytest.approx(0.2)


def test_compliance_is_the_mean_share_of_the_first_k() -> None:
    satisfies = np.array([[True, True, False, False], [True, False, True, True]])
    assert condition_compliance(satisfies, 1) == 1.0
    assert condition_compliance(satisfies, 2) == 0.75
    assert condition_compliance(satisfies, 3) == pytest.approx(2 / 3)
    assert condition_compliance(satisfies, 4) == 0.625
    assert condition_compliance(satisfies, 50) == 0.625


def test_compliance_judges_a_short_list_by_what_it_shows() -> None:
    satisfies = np.array([[True, True, True], [True, False, True], [False, False, True]])
    listed = np.array([[True, True, False], [True, True, True], [False, False, False]])
    assert condition_compliance(satisfies, 2, listed) == 0.75
    assert condition_compliance(satisfies, 3, listed) == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(condition_compliance(satisfies, 3, np.zeros_like(listed)))


def test_recall_is_the_share_of_what_is_relevant() -> None:
    relevant = np.array([[True, False, True], [False, True, False], [False, False, False]])
    assert recall_at(relevant, np.array([4, 1, 0]), 3) == pytest.approx((0.5 + 1.0) / 2)
    assert recall_at(relevant, np.array([4, 1, 0]), 1) == pytest.approx((0.25 + 0.0) / 2)
    assert recall_at(relevant, np.array([4, 1, 6]), 3) == pytest.approx((0.5 + 1.0 + 0.0) / 3)


def test_coverage_counts_every_item_once() -> None:
    assert coverage(np.array([[0, 1, 2], [2, 1, 0], [0, 0, 7]]), 8) == 0.5
    assert coverage(np.array([], dtype=np.int64), 8) == 0.0


def test_the_standard_error_is_the_unbiased_one() -> None:
    mean, error = mean_and_standard_error(np.array([1.0, 2.0, 3.0, 6.0]))
    # s^2 = (4 + 1 + 0 + 9) / 3
    assert mean == 3.0
    assert error == pytest.approx(math.sqrt(14 / 3) / 2)
    assert mean_and_standard_error(np.array([True, False])) == pytest.approx((0.5, 0.5))


def test_nothing_measured_is_nan_and_one_value_has_no_error() -> None:
    assert math.isnan(hit_rate(np.array([], dtype=np.int64), 5))
    assert math.isnan(ndcg(np.array([], dtype=np.int64), 5))
    assert math.isnan(recall_at(np.zeros((2, 3), dtype=bool), np.zeros(2, dtype=np.int64), 3))
    mean, error = mean_and_standard_error(np.array([4.0]))
    assert mean == 4.0
    assert math.isnan(error)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hit_rate(RANKS, 0), "top_k of at least 1"),
        (lambda: hit_rate(np.array([-1]), 5), "none below 0"),
        (lambda: ndcg(np.zeros((2, 2), dtype=np.int64), 5), r"shape \[N\]"),
        (lambda: condition_compliance(np.ones((2, 2)), 1), r"bool \[Q, K\]"),
        (lambda: condition_compliance(np.ones(3, dtype=bool), 1), r"bool \[Q, K\]"),
        (lambda: condition_compliance(np.ones((2, 2), dtype=bool), 2, np.ones((2, 1), dtype=bool)), "listed of shape"),
        (lambda: recall_at(np.ones((1, 2), dtype=bool), np.array([1]), 2), "at least as many relevant"),
        (lambda: recall_at(np.ones((2, 2), dtype=bool), np.array([2]), 2), "each of 2 queries"),
        (lambda: coverage(np.array([8]), 8), r"rows in 0..7"),
        (lambda: coverage(np.array([-1]), 8), r"rows in 0..7"),
        (lambda: coverage(np.array([]), 0), "at least one item"),
        (lambda: mean_and_standard_error(np.ones((2, 2))), r"shape \[N\]"),
    ],
)
def test_wrong_arguments_are_value_errors(call: Callable[[], float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_list_overlap_is_the_mean_over_all_pairs():
    lists = np.array([[0, 1, 2], [2, 1, 5], [3, 4, 6], [0, 1, 2]])
    shares = [
        len(set(a) & set(b)) / 3 for i, a in enumerate(lists.tolist()) for j, b in enumerate(lists.tolist()) if i != j
    ]
    assert list_overlap(lists, 7) == pytest.approx(sum(shares) / len(shares))
    assert list_overlap(np.array([[4, 2]] * 5), 7) == 1.0
    assert np.isnan(list_overlap(np.array([[1, 2]]), 7))
