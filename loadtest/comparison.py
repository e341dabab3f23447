"""Comparison: the service's answers beside those of the exact evaluation, and whether they may be called the same."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from loadtest.client import Reply
from loadtest.questions import ExactAnswers, Questions
from model.metrics import UNRANKED, hit_rate

CUTS = (10, 20, 50)
# Equal to four digits; an approximate search may lose a hundredth.
HR_TOLERANCE = 0.00005
APPROXIMATE_SHARE = 0.99
# Per unit of the largest score: what float32 can differ by when a history is encoded in another batch.
ROUNDING = 1e-5
SHOWN_DIFFERENCES = 5

ListKind = Literal["same", "near_ties", "approximate", "unexplained"]
LIST_KINDS: tuple[ListKind, ...] = ("same", "near_ties", "approximate", "unexplained")


class Check(NamedTuple):
    """One thing that has to hold."""

    what: str
    expected: str
    got: str
    ok: bool


def compare(
    questions: Questions, exact: ExactAnswers, replies: Sequence[Reply], top_k: int, *, approximate: bool
) -> dict[str, Any]:
    """The figures of one comparison, JSON-able. approximate: the service may read only the nearest clusters here."""
    served = [_rows(questions, reply) for reply in replies]
    answered = [question for question, reply in enumerate(replies) if reply.source == "model"]
    kinds = {question: list_kind(questions, exact, question, served[question], approximate) for question in answered}
    ranks = np.full(len(questions), UNRANKED)
    for question in answered:
        found = np.flatnonzero(served[question] == questions.target_row(question))
        ranks[question] = found[0] if len(found) else UNRANKED
    counts = Counter(kinds.values())
    latencies_ms = [reply.latency_ms for reply in replies if reply.fault is None]
    return {
        "name": questions.name,
        "users": len(questions),
        "seen_removed": questions.exclude_seen,
        "search": "clusters" if approximate else "exact",
        "hr": {
            str(cut): {"served": hit_rate(ranks, cut), "exact": hit_rate(exact.ranks, cut)}
            for cut in CUTS
            if cut <= top_k
        },
        "lists": {kind: counts[kind] for kind in LIST_KINDS},
        "differences": [_difference(questions, exact, question, served[question], kinds) for question in _shown(kinds)],
        "faults": dict(Counter(reply.fault for reply in replies if reply.fault is not None)),
        "sources": dict(Counter(reply.source for reply in replies if reply.fault is None)),
        "releases": dict(Counter(reply.release for reply in replies if reply.fault is None)),
        "eligible_differs": sum(replies[question].eligible != int(exact.eligible[question]) for question in answered),
        "history_differs": sum(
            replies[question].history_events_used != questions.events_to_read(question) for question in answered
        ),
        "largest_score_difference": max(
            (_score_difference(questions, question, served[question], replies[question]) for question in answered),
            default=0.0,
        ),
        "largest_score": float(np.abs(exact.scores[np.isfinite(exact.scores)]).max(initial=0.0)),
        "latency_ms": {f"p{share}": float(np.percentile(latencies_ms, share)) for share in (50, 99) if latencies_ms},
    }


def list_kind(
    questions: Questions, exact: ExactAnswers, question: int, rows: np.ndarray, approximate: bool
) -> ListKind:
    """How a served list relates to the exact one.

    near_ties: every place has an item as good as the exact one up to rounding. approximate: compliant, but the clusters
    read missed better items. unexplained: anything else - an item that must not be there, a wrong length, a worse list.
    """
    expected = exact.row_list(question)
    if np.array_equal(rows, expected):
        return "same"
    compliant = (rows >= 0).all() and questions.allowed(question)[rows].all() and len(np.unique(rows)) == len(rows)
    if not compliant or len(rows) != len(expected):
        return "unexplained"
    scores = exact.scores[question, : len(expected)]
    slack = ROUNDING * max(1.0, float(np.abs(scores).max()))
    if np.abs(questions.scores(question, rows) - scores).max() <= slack:
        return "near_ties"
    return "approximate" if approximate else "unexplained"


def checks(figures: dict[str, Any]) -> list[Check]:
    """What has to hold for one comparison."""
    users, from_model = figures["users"], figures["sources"].get("model", 0)
    faults, approximate = sum(figures["faults"].values()), figures["search"] == "clusters"
    found = [
        Check("errors", "0", str(faults), faults == 0),
        Check("answers of the model", str(users), str(from_model), from_model == users),
    ]
    for cut, hr in figures["hr"].items():
        served, exact = hr["served"], hr["exact"]
        least = APPROXIMATE_SHARE * exact
        ok = served >= least if approximate else abs(served - exact) < HR_TOLERANCE
        expected = f"at least {least:.6f} (99 % of {exact:.6f})" if approximate else f"{exact:.6f} to four digits"
        found.append(Check(f"HR@{cut}", expected, f"{served:.6f}", ok))
    for what, name in (
        ("lists that nothing explains", figures["lists"]["unexplained"]),
        ("answers with another number of eligible items", figures["eligible_differs"]),
        ("answers from another number of events", figures["history_differs"]),
    ):
        found.append(Check(what, "0", str(name), name == 0))
    slack = ROUNDING * max(1.0, figures["largest_score"])
    difference = figures["largest_score_difference"]
    found.append(Check("score of an item", f"within {slack:.2g}", f"{difference:.2g} apart", difference <= slack))
    return found


def _rows(questions: Questions, reply: Reply) -> np.ndarray:
    """Catalogue rows of the list, -1 for an item that the checkpoint does not know."""
    row_of = questions.checkpoint.catalogue.row_of
    return np.array([row_of.get(item_id, -1) for item_id in reply.item_ids], dtype=np.int64)


def _score_difference(questions: Questions, question: int, rows: np.ndarray, reply: Reply) -> float:
    """Of the score that the service gave an item and the one that the checkpoint gives it."""
    known = rows >= 0
    differences = np.abs(questions.scores(question, rows[known]) - np.array(reply.scores)[known])
    return float(differences.max(initial=0.0))


def _shown(kinds: dict[int, ListKind]) -> list[int]:
    """The differing lists to show, what nothing explains first."""
    differing = [question for question, kind in kinds.items() if kind != "same"]
    return sorted(differing, key=lambda question: -LIST_KINDS.index(kinds[question]))[:SHOWN_DIFFERENCES]


def _difference(
    questions: Questions, exact: ExactAnswers, question: int, rows: np.ndarray, kinds: dict[int, ListKind]
) -> dict[str, Any]:
    """The first place where a served list is another one."""
    expected, item_ids = exact.row_list(question), questions.checkpoint.catalogue.item_ids
    shared = min(len(rows), len(expected))
    unequal = np.flatnonzero(rows[:shared] != expected[:shared])
    place = int(unequal[0]) if len(unequal) else shared
    return {
        "user_id": questions.user_id(question),
        "kind": kinds[question],
        "place": place,
        "served": item_ids[rows[place]] if place < len(rows) and rows[place] >= 0 else None,
        "exact": item_ids[expected[place]] if place < len(expected) else None,
        "lengths": [len(rows), len(expected)],
    }
