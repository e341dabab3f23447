"""Estimators: held to their definitions, a row and a request at a time."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.replay.estimators import ESTIMATORS, request_terms, row_terms
from loadtest.replay.log import HeldLog


def exposures_of(lengths, generator):
    number = sum(lengths)
    request = np.repeat(np.arange(len(lengths)), lengths)
    frame = pl.DataFrame(
        {
            "request_id": pl.Series(request).cast(pl.String),
            "user_id": pl.Series(request % 3).cast(pl.String),
            "time_s": np.zeros(number),
            "arm": ["a"] * number,
            "release": ["r"] * number,
            "position": np.concatenate([np.arange(1, length + 1) for length in lengths]),
            "item_id": [f"i{one}" for one in generator.integers(0, 5, number)],
            "propensity": generator.uniform(0.1, 1, number),
            "reward": generator.random(number),
        }
    )
    (found,) = HeldLog(frame).batches()
    return found


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6), seed=st.integers(0, 10_000))
def test_slate_terms_equal_their_definitions(lengths, seed):
    generator = np.random.default_rng(seed)
    exposures = exposures_of(lengths, generator)
    weight = generator.uniform(0, 3, len(exposures))
    terms = request_terms(exposures, weight)
    first = 0
    for request, length in enumerate(lengths):
        w, r = weight[first : first + length], exposures.reward[first : first + length]
        assert terms["product_reward"][request] == pytest.approx(np.prod(w) * r.sum())
        assert terms["cascade_reward"][request] == pytest.approx((np.cumprod(w) * r).sum())
        assert terms["additive_reward"][request] == pytest.approx((1 + (w - 1).sum()) * r.sum())
        first += length


def test_row_terms_equal_their_definitions():
    generator = np.random.default_rng(0)
    exposures = exposures_of([3, 2], generator)
    probability, expected, guess = generator.random(5), generator.random(5), generator.random(5)
    terms = row_terms(exposures, probability, expected, guess, clip=1.5)
    weight = probability / exposures.propensity
    assert np.allclose(terms["w_reward"], weight * exposures.reward)
    assert np.allclose(terms["clipped_reward"], np.where(weight > 1.5, 1.5, weight) * exposures.reward)
    assert np.allclose(terms["matched_reward"], probability * exposures.reward)
    assert np.allclose(terms["doubly_robust"], expected + weight * (exposures.reward - guess))
    assert np.allclose(terms["w_ranked_reward"], weight * exposures.reward / [1, 2, 3, 1, 2])
    assert "doubly_robust" not in row_terms(exposures, probability, None, guess, clip=1.5)


def test_readme_lists_every_estimator_with_its_source():
    readme = (Path(__file__).parents[3] / "loadtest/replay/README.md").read_text()
    for name, one in ESTIMATORS.items():
        assert f"| `{name}` | {one.source} |" in readme
