"""Overlap: how much of what a policy would show the log can speak of."""

from typing import NamedTuple

from loadtest.replay.intervals import Bootstrap, Fraction, Interval
from loadtest.replay.sums import Sums, ratio


class Overlap(NamedTuple):
    """effective_rows: (sum of w) squared over the sum of w squared (Kish 1965), what the rows are worth.

    unsupported: share of the policy on what the logging policy never shows. Weights average 1 where all is supported,
    so it is 1 minus their mean, with its interval; below 0 by chance.
    largest_share: the part of the total weight on the heaviest exposure. clipped: share of rows that clipped_ips cuts.
    """

    rows: int
    matched_rows: int
    effective_rows: float
    unsupported: Interval
    max_weight: float
    largest_share: float
    clipped: float


def overlap_of(sums: Sums, bootstrap: Bootstrap, max_weight: float) -> Overlap:
    """From the terms rows, w, w_squared, positive and clipped."""
    rows, weight = sums.total("rows"), sums.total("w")
    mean = bootstrap.interval(Fraction(sums["w"], sums["rows"]))
    return Overlap(
        rows=int(rows),
        matched_rows=int(sums.total("positive")),
        effective_rows=weight**2 / sums.total("w_squared") if weight else 0.0,
        unsupported=Interval(1 - mean.value, 1 - mean.high, 1 - mean.low),
        max_weight=max_weight,
        largest_share=ratio(max_weight, weight),
        clipped=ratio(sums.total("clipped"), rows),
    )
