"""Difference: how unlike two answers to one request are, and what that comes to over all requests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from loadtest.comparison import Check
from loadtest.replay.answerer import Answered, ShownItems

# Weight of a place in rank-biased overlap: 0.9 puts 86 % of it on the first ten.
PERSISTENCE = 0.9
SHORT = 10


class Difference(NamedTuple):
    """Of one request that both sides answered; means over its lists.

    overlap: items of the first SHORT places that both show, of as many as the longer has; list_overlap: of all places.
    shifts: later minus earlier score of every item that both show.
    """

    overlap: float
    list_overlap: float
    rank_biased: float
    same: bool
    shifts: list[float]


@dataclass(frozen=True)
class Limits:
    """What a replay must keep to; None is not checked. Shares but for latency_ratio and score_shift.

    score_shift: the common change of scores, in standard deviations of the earlier ones.
    """

    min_overlap: float | None = None
    min_rank_biased: float | None = None
    max_score_shift: float | None = None
    max_latency_ratio: float | None = None
    min_compliance: float = 1.0
    max_faults: float = 0.0


def difference(before: Answered, after: Answered) -> Difference | None:
    """None where the answers have not as many lists."""
    if len(before.lists) != len(after.lists):
        return None
    pairs = list(zip(before.lists, after.lists, strict=True))
    own = [(one.item_ids, other.item_ids) for one, other in pairs]
    return Difference(
        overlap=float(np.mean([overlap(one[:SHORT], other[:SHORT]) for one, other in own])),
        list_overlap=float(np.mean([overlap(one, other) for one, other in own])),
        rank_biased=float(np.mean([rank_biased_overlap(one, other) for one, other in own])),
        same=all(one == other for one, other in own),
        shifts=[shift for one, other in pairs for shift in _shifts(one, other)],
    )


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Items that both have, of as many as the longer has; 1 for two empty lists."""
    longer = max(len(one), len(other))
    return len(set(one) & set(other)) / longer if longer else 1.0


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """Extrapolated rank-biased overlap (Webber, Moffat and Zobel 2010, equation 32), also of lists unequally long.

    1 for equal lists, 0 for lists without a common item; the items of a list are different ones.
    """
    short, long = sorted((one, other), key=len)
    if not short:
        return float(not long)
    shared = np.zeros(len(long) + 1)
    seen_short, seen_long = set[str](), set[str]()
    for depth in range(1, len(long) + 1):
        seen_long.add(long[depth - 1])
        seen_short.update(short[depth - 1 : depth])
        shared[depth] = len(seen_short & seen_long)
    depths, ends = np.arange(1, len(long) + 1), (len(short), len(long))
    weights = persistence**depths
    total = float((shared[1:] / depths * weights).sum())
    beyond = depths > ends[0]
    total += float((shared[ends[0]] * (depths - ends[0]) / (ends[0] * depths) * weights)[beyond].sum())
    rest = (shared[ends[1]] - shared[ends[0]]) / ends[1] + shared[ends[0]] / ends[0]
    return (1 - persistence) / persistence * total + float(rest) * persistence ** ends[1]


def summary(befores: Sequence[Answered], afters: Sequence[Answered]) -> dict[str, Any]:
    """The figures of all requests, JSON-able; NaN never: what cannot be said is None."""
    pairs = [(one, other) for one, other in zip(befores, afters, strict=True) if not one.fault and not other.fault]
    found = [(one, other, difference(one, other)) for one, other in pairs]
    compared = [own for _, _, own in found if own is not None]
    earlier = [score for one, _, own in found if own is not None for items in one.lists for score in items.scores]
    shifts, spread = [shift for own in compared for shift in own.shifts], float(np.std(earlier)) if earlier else 0.0
    return {
        "requests": len(befores),
        "compared": len(compared),
        "other_number_of_lists": len(found) - len(compared),
        "overlap_at_10": _spread([one.overlap for one in compared]),
        "overlap": _spread([one.list_overlap for one in compared]),
        "rank_biased_overlap": _spread([one.rank_biased for one in compared]),
        "same_lists": _mean([float(one.same) for one in compared]),
        "score_shift": _mean(shifts),
        "score_shift_in_deviations": _mean(shifts) / spread if shifts and spread else None,  # type: ignore[operator]
        "largest_score_difference": max(map(abs, shifts), default=None),
        "other_source": sum(one.source != other.source for one, other in pairs),
        "before": _side(befores),
        "after": _side(afters),
        "latency_ratio": {name: _ratio(befores, afters, share) for name, share in (("p50", 50), ("p99", 99))},
    }


def checks(figures: dict[str, Any], limits: Limits) -> list[Check]:
    """What the limits ask for; a figure that there is none of breaks its limit."""
    requests = max(1, figures["requests"])
    found = [
        _check("requests compared", figures["compared"], 1, at_least=True),
        _check("compliance after", figures["after"]["compliance"], limits.min_compliance, at_least=True),
        _check("faults after", sum(figures["after"]["faults"].values()) / requests, limits.max_faults),
    ]
    shift = figures["score_shift_in_deviations"]
    for what, value, limit, at_least in (
        ("overlap of the first 10", figures["overlap_at_10"]["mean"], limits.min_overlap, True),
        ("rank-biased overlap", figures["rank_biased_overlap"]["mean"], limits.min_rank_biased, True),
        ("score shift, deviations", None if shift is None else abs(shift), limits.max_score_shift, False),
        ("latency p99, ratio", figures["latency_ratio"]["p99"], limits.max_latency_ratio, False),
    ):
        if limit is not None:
            found.append(_check(what, value, limit, at_least=at_least))
    return found


def _check(what: str, value: float | None, limit: float, *, at_least: bool = False) -> Check:
    holds = value is not None and (value >= limit if at_least else value <= limit)
    return Check(
        what, f"at {'least' if at_least else 'most'} {limit:g}", "none" if value is None else f"{value:.4g}", holds
    )


def _shifts(before: ShownItems, after: ShownItems) -> list[float]:
    earlier = dict(zip(before.item_ids, before.scores, strict=True))
    return [
        score - earlier[item_id]
        for item_id, score in zip(after.item_ids, after.scores, strict=True)
        if item_id in earlier
    ]


def _side(answers: Sequence[Answered]) -> dict[str, Any]:
    good = [one for one in answers if not one.fault]
    flags = [flag for one in good for items in one.lists for flag in items.compliant]
    times_ms = [one.latency_ms for one in good]
    return {
        "releases": dict(Counter(one.release for one in good)),
        "sources": dict(Counter(one.source for one in good)),
        "faults": dict(Counter(one.fault for one in answers if one.fault)),
        "items": len(flags),
        "compliance": float(np.mean(flags)) if flags else None,
        "latency_ms": {f"p{share}": float(np.percentile(times_ms, share)) for share in (50, 99) if times_ms},
    }


def _ratio(befores: Sequence[Answered], afters: Sequence[Answered], share: int) -> float | None:
    times_ms = [[one.latency_ms for one in side if not one.fault] for side in (befores, afters)]
    if not all(times_ms):
        return None
    before_ms, after_ms = (float(np.percentile(own, share)) for own in times_ms)
    return after_ms / before_ms if before_ms else None


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _spread(values: list[float]) -> dict[str, float | None]:
    return {"mean": _mean(values)} | {
        f"p{share}": float(np.percentile(values, share)) if values else None for share in (1, 5, 50)
    }
