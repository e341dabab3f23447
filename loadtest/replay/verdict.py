"""Verdict: better, worse, no difference or not enough evidence, by rules that are stated."""

from enum import StrEnum
from typing import NamedTuple

from loadtest.replay.assignment import MISMATCH_P, RatioTest
from loadtest.replay.guardrails import Guardrail
from loadtest.replay.intervals import Interval
from loadtest.replay.overlap import Overlap

MIN_EFFECTIVE_ROWS = 100.0
MIN_GROUPS = 30
MAX_UNSUPPORTED = 0.05
MAX_LARGEST_SHARE = 0.05
RULES = (
    f"Not enough evidence: users per arm differ from the meant shares (p < {MISMATCH_P:g}); fewer than {MIN_GROUPS} "
    f"groups of users or {MIN_EFFECTIVE_ROWS:g} effective rows; an unsupported share above {MAX_UNSUPPORTED:g} whose "
    f"interval lies above 0; one exposure holds more than {MAX_LARGEST_SHARE:g} of the weight.",
    "Worse: else, where a guardrail is broken.",
    "Better, worse: else, where the interval of the difference lies above 0, below 0.",
    "No difference: else, where it lies within the margin around 0.",
    "Not enough evidence: else.",
)


class Outcome(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"


class Verdict(NamedTuple):
    """The outcome and what it rests on."""

    outcome: Outcome
    reasons: list[str]


def verdict(
    difference: Interval,
    margin: float,
    *,
    groups: int,
    sides: dict[str, Overlap],
    ratio_test: RatioTest | None,
    broken: list[Guardrail],
) -> Verdict:
    """By RULES. groups: the fewest of either side; margin: in the unit of the difference."""
    lacking = _lacking(groups, sides, ratio_test)
    if lacking:
        return Verdict(Outcome.NOT_ENOUGH_EVIDENCE, lacking)
    if broken:
        return Verdict(Outcome.WORSE, [f"guardrail {one.name}: {one.policy:.4g}, {one.rule}" for one in broken])
    found = f"the difference lies between {difference.low:.4g} and {difference.high:.4g}"
    if difference.low > 0:
        return Verdict(Outcome.BETTER, [found])
    if difference.high < 0:
        return Verdict(Outcome.WORSE, [found])
    if -margin <= difference.low and difference.high <= margin:
        return Verdict(Outcome.NO_DIFFERENCE, [f"{found}, within {margin:.4g}"])
    return Verdict(Outcome.NOT_ENOUGH_EVIDENCE, [f"{found}: it may be 0 and may be more than {margin:.4g}"])


def _lacking(groups: int, sides: dict[str, Overlap], ratio_test: RatioTest | None) -> list[str]:
    """Why no figure of this log would be worth a verdict."""
    reasons = []
    if ratio_test is not None and ratio_test.mismatch:
        reasons.append(f"sample-ratio mismatch: users {ratio_test.users}, p = {ratio_test.p_value:.2g}")
    if groups < MIN_GROUPS:
        reasons.append(f"expected at least {MIN_GROUPS} groups of users on either side, got {groups}")
    for name, overlap in sides.items():
        if not overlap.effective_rows >= MIN_EFFECTIVE_ROWS:
            reasons.append(f"{name}: {overlap.effective_rows:.1f} effective rows")
        if overlap.unsupported.value > MAX_UNSUPPORTED and overlap.unsupported.low > 0:
            reasons.append(f"{name}: {overlap.unsupported.value:.1%} of what it shows is never shown by the log")
        if overlap.largest_share > MAX_LARGEST_SHARE:
            reasons.append(f"{name}: one exposure holds {overlap.largest_share:.1%} of the weight")
    return reasons
