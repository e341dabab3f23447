import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.label_metrics import area_under_curve, best_threshold, bootstrap_interval, f1

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(rows) -> None:
    truth, said = (np.array(column) for column in zip(*rows, strict=True))
    hits = int((truth & said).sum())
    if hits:
        precision, recall = hits / said.sum(), hits / truth.sum()
        assert f1(truth, said) == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert f1(truth, said) == 0


@given(ROWS)
def test_the_area_is_the_share_of_pairs_in_order(rows) -> None:
    truth, scores = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [(yes > no) + (yes == no) / 2 for yes in scores[truth] for no in scores[~truth]]
    if pairs:
        assert area_under_curve(truth, scores) == pytest.approx(np.mean(pairs))
    else:
        assert np.isnan(area_under_curve(truth, scores))


@given(ROWS)
def test_no_threshold_is_better_than_the_best(rows) -> None:
    truth, scores = (np.array(column) for column in zip(*rows, strict=True))
    if not truth.any():
        with pytest.raises(ValueError, match="expected a true one"):
            best_threshold(truth, scores)
        return
    best = f1(truth, scores >= best_threshold(truth, scores))
    assert best == pytest.approx(max(f1(truth, scores >= threshold) for threshold in np.arange(-0.5, 7, 0.5)))


def test_columns_that_are_no_yes_or_no_are_refused() -> None:
    with pytest.raises(ValueError, match="expected two bool"):
        f1(np.array([1, 0]), np.array([True, False]))


def test_the_interval_holds_the_value_and_narrows_with_rows() -> None:
    values = np.random.default_rng(0).normal(size=400)
    few = bootstrap_interval(lambda rows: float(values[:20][rows].mean()), 20)
    many = bootstrap_interval(lambda rows: float(values[rows].mean()), 400)
    assert many.low < many.value < many.high
    assert many.value == pytest.approx(values.mean())
    assert few.high - few.low > 2 * (many.high - many.low)
    assert few == bootstrap_interval(lambda rows: float(values[:20][rows].mean()), 20)
