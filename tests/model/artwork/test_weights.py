import numpy as np
import pytest

from model.artwork.search import Weights
from model.artwork.weights import PAIR_WEIGHTS, TEXT_WEIGHTS, KnownQuery, choose_weights
from tests.model.artwork.libraries import made_up_library, unit

LIBRARY = made_up_library(40)


def queries(kind, sentence=""):
    """Vectors that say nothing of the cover that is meant."""
    rng = np.random.default_rng(0)
    return [KnownQuery(sentence, unit(rng.normal(size=8)), row, kind) for row in range(20)]


def knowing(row):
    """A pair scorer that knows the right cover."""
    return lambda rows: (rows == row).astype(np.float64)


def test_a_scorer_that_knows_gets_the_weight_that_pays():
    asked = [KnownQuery(str(one.row), one.vector, one.row, one.kind) for one in queries("x")]
    choice = choose_weights(LIBRARY, asked, lambda sentence: knowing(int(sentence)), depth=40)
    assert choice.weights.pair > 0
    best = max(choice.table, key=lambda row: row["all"])
    assert best["all"] > 0.9
    assert choice.weights == Weights(best["pair"], best["text"])


def test_lettering_that_misleads_gets_no_weight():
    right = [KnownQuery("gold dust", LIBRARY.base.vectors[row], row, "x") for row in (0, 3, 6, 9)]  # nothing is written
    assert choose_weights(LIBRARY, right, None, depth=40).weights == Weights(0.0, 0.0)


def test_every_kind_counts_the_same_however_many_queries_it_has():
    exact = [KnownQuery("", LIBRARY.base.vectors[0], 0, "few")]
    choice = choose_weights(LIBRARY, [*exact, *queries("many")], None, depth=40)
    for row in choice.table:
        assert row["all"] == pytest.approx((row["few"] + row["many"]) / 2, abs=1e-4)
    assert len(choice.table) == len(TEXT_WEIGHTS)
    pairs = choose_weights(LIBRARY, exact, lambda _: knowing(0), depth=5)
    assert len(pairs.table) == len(TEXT_WEIGHTS) * len(PAIR_WEIGHTS)
    assert pairs.facts()["chosen"] == vars(pairs.weights)
