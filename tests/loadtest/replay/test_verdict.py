"""Verdict: every rule, and their order."""

import pytest

from loadtest.replay.assignment import RatioTest
from loadtest.replay.guardrails import Guardrail
from loadtest.replay.intervals import Interval
from loadtest.replay.overlap import Overlap
from loadtest.replay.verdict import Outcome, verdict

GOOD = Overlap(10_000, 9_000, 4_000.0, Interval(0.0, -0.01, 0.01), 5.0, 0.001, 0.0)
BROKEN = Guardrail("compliance", 0.9, 1.0, "stays", True)


def outcome(low, high, **changes):
    told = {"groups": 500, "sides": {"mine": GOOD}, "ratio_test": None, "broken": [], **changes}
    return verdict(Interval((low + high) / 2, low, high), 0.02, **told).outcome


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.1, Outcome.BETTER),
        (-0.1, -0.001, Outcome.WORSE),
        (-0.01, 0.02, Outcome.NO_DIFFERENCE),
        (-0.03, 0.01, Outcome.NOT_ENOUGH_EVIDENCE),
        (0.0, 0.03, Outcome.NOT_ENOUGH_EVIDENCE),
    ],
)
def test_the_interval_of_the_difference_decides(low, high, expected):
    assert outcome(low, high) == expected


def test_a_broken_guardrail_outweighs_a_better_reward():
    assert outcome(0.1, 0.2, broken=[BROKEN]) == Outcome.WORSE


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": 29},
        {"ratio_test": RatioTest({"a": 5_200, "b": 4_800}, {"a": 0.5, "b": 0.5}, 0.0001)},
        {"sides": {"mine": GOOD._replace(effective_rows=99.0)}},
        {"sides": {"mine": GOOD._replace(effective_rows=float("nan"))}},
        {"sides": {"mine": GOOD._replace(unsupported=Interval(0.06, 0.01, 0.1))}},
        {"sides": {"mine": GOOD, "logged": GOOD._replace(largest_share=0.06)}},
    ],
)
def test_a_log_that_cannot_tell_never_gets_a_verdict(changes):
    assert outcome(0.1, 0.2, broken=[BROKEN], **changes) == Outcome.NOT_ENOUGH_EVIDENCE


def test_a_share_that_may_be_chance_is_not_held_against_the_log():
    share = GOOD._replace(unsupported=Interval(0.06, -0.01, 0.1))
    assert outcome(0.1, 0.2, sides={"mine": share}) == Outcome.BETTER
