"""Anytime-valid intervals: the batches equal the definition, and the truth stays inside at every look."""

import math

import numpy as np
import pytest

from loadtest.replay.anytime import MAX_BET, EmpiricalBernstein, LowerSequence, clustered_sequence
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
