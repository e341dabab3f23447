"""Anytime-valid intervals: the batches equal the definition, and the truth stays inside at every look."""

import math

import numpy as np
import pytest

from loadtest.replay.anytime import MAX_BET, TUNED_FOR_USERS, EmpiricalBernstein, LowerSequence, clustered_sequence
from loadtest.replay.intervals import Fraction


def bound_by_definition(values):
    """The lower bound, one variable at a time."""
    log_inverse = math.log(40)
    bets = won = lost = total = squares = 0.0
    for count, value in enumerate(values, 1):
        guess = min((0.5 + total) / count, 1.0)
        variance = (0.25 + squares) / count
        bet = min(math.sqrt(2 * log_inverse / (variance * count * math.log(1 + count))), MAX_BET)
        bets += bet
        won += bet * value
        lost += (-math.log(1 - bet) - bet) * (value - guess) ** 2
        total += value
        squares += (value - guess) ** 2
    return min(max((won - lost - log_inverse) / bets, 0.0), 1.0)


@pytest.mark.parametrize("at_once", [1, 7, 400])
def test_batches_of_any_length_equal_the_definition(at_once):
    values = np.random.default_rng(0).exponential(0.6, 400)
    sequence = LowerSequence()
    for first in range(0, 400, at_once):
        sequence.add(values[first : first + at_once])
    assert sequence.bound() == pytest.approx(bound_by_definition(values), rel=1e-9)
    assert 0.3 < sequence.bound() < 0.6


def test_the_truth_stays_inside_at_every_look():
    generator = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        sequence, inside = EmpiricalBernstein(), True
        for _ in range(20):
            # Two actions, logged with 0.2 and 0.8, aimed at with 0.5 each; rewards 0.9 and 0.1.
            rare = generator.random(25) < 0.2
            reward = (generator.random(25) < np.where(rare, 0.9, 0.1)).astype(float)
            sequence.add(np.where(rare, 2.5, 0.625), reward)
            found = sequence.interval()
            inside &= found.low <= 0.5 <= found.high
        missed += not inside
    assert missed <= 10
    assert found.high - found.low < 0.6


def test_where_weights_are_bounded_the_bounds_are_nearly_those_of_a_library():
    ville = pytest.importorskip("ville", reason="ville is not installed: pip install .[dev]")
    values = np.random.default_rng(4).beta(2, 3, 2_000)
    ours, theirs = EmpiricalBernstein(), ville.EmpiricalBernsteinCS(intersect=False)
    ours.add(np.ones(len(values)), values)
    theirs.fit(values)
    # The variance that bets follow is estimated with the mean before each variable here, after it there.
    assert ours.interval()[1:] == pytest.approx((theirs.lower_[-1], theirs.upper_[-1]), rel=2e-3)


def test_one_exposure_per_user_gives_the_asymptotic_sequence_of_a_library():
    ville = pytest.importorskip("ville", reason="ville is not installed: pip install .[dev]")
    values = np.random.default_rng(5).normal(1.0, 0.5, 1_000)
    ours = clustered_sequence(1_000, Fraction(values, np.ones(1_000)))
    theirs = ville.AsymptoticCS(t_opt=TUNED_FOR_USERS)
    theirs.fit(values)
    # Where it is narrowest is approximated here and searched for there.
    assert tuple(ours) == pytest.approx((theirs.estimate_[-1], theirs.lower_[-1], theirs.upper_[-1]), rel=1e-3)


def test_before_the_first_exposure_anything_is_possible():
    assert EmpiricalBernstein(5.0).interval()[1:] == (0.0, 5.0)


def test_the_clustered_sequence_is_wider_than_a_fixed_interval_and_widest_for_few_users():
    generator = np.random.default_rng(2)
    ones = np.ones(1_000)
    fraction = Fraction(generator.normal(1.0, 0.5, 1_000), ones)
    few, many = clustered_sequence(100, fraction), clustered_sequence(1_000, fraction)
    fixed = 1.96 * 0.5 / math.sqrt(1_000)
    assert fixed * 1.3 < many.high - many.value < fixed * 2.5
    assert many.high - many.low < few.high - few.low
    equal = clustered_sequence(1_000, fraction, fraction)
    assert equal == (0.0, 0.0, 0.0)
