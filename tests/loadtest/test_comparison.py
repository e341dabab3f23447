"""Comparison: how one list relates to another, and when two results may be called the same."""

import dataclasses

import numpy as np
import pytest

from loadtest.client import Reply
from loadtest.comparison import checks, compare, list_kind
from loadtest.questions import held_out_questions
from model.climber_pilot.checkpoint import load_checkpoint

TOP_K = 20


@pytest.fixture(scope="module")
def plain(music_checkpoint, music_dataset):
    return held_out_questions(load_checkpoint(music_checkpoint), music_dataset, "genre")[-1]


@pytest.fixture(scope="module")
def exact(plain):
    return plain.answer_exactly(TOP_K)


def perfect_replies(questions, exact):
    item_ids = questions.checkpoint.catalogue.item_ids
    return [
        Reply(
            10.0 + question,
            source="model",
            release="r1",
            item_ids=tuple(item_ids[row] for row in exact.row_list(question)),
            scores=tuple(exact.scores[question].tolist()),
            eligible=int(exact.eligible[question]),
            history_events_used=questions.events_to_read(question),
        )
        for question in range(len(questions))
    ]


def swapped(rows, first, second):
    rows = rows.copy()
    rows[[first, second]] = rows[[second, first]]
    return rows


def test_the_exact_lists_are_the_best_allowed_items(plain, exact):
    for question in range(5):
        allowed = np.flatnonzero(plain.allowed(question))
        scores = plain.scores(question, allowed)
        assert exact.eligible[question] == len(allowed)
        assert sorted(exact.row_list(question)) == sorted(allowed[np.argsort(-scores, kind="stable")[:TOP_K]])
        place = np.flatnonzero(exact.row_list(question) == plain.target_row(question))
        assert (place.tolist() or [TOP_K])[0] == min(exact.ranks[question], TOP_K)


def test_list_kinds(plain, exact):
    def kind(rows, approximate=False):
        return list_kind(plain, exact, 0, np.array(rows, dtype=np.int64), approximate)

    best = exact.row_list(0)
    apart = int(np.argmax(-np.diff(exact.scores[0])))
    allowed = np.flatnonzero(plain.allowed(0))
    worse = best.copy()
    worse[-1] = allowed[np.argmin(plain.scores(0, allowed))]
    assert kind(best) == kind(best, approximate=True) == "same"
    assert kind(swapped(best, apart, apart + 1)) == "unexplained"
    assert (kind(worse), kind(worse, approximate=True)) == ("unexplained", "approximate")
    # Not even a graph may show a list that is too short, repeats an item, or has one that must not be there.
    seen = np.flatnonzero(~plain.allowed(0))[0]
    for rows in (best[:-1], [*best[:-1], best[0]], [*best[:-1], seen], [*best[:-1], -1], []):
        assert kind(rows, approximate=True) == "unexplained"


def test_items_that_score_alike_may_trade_places(plain, exact):
    first, second = exact.row_list(0)[:2]
    queries, vectors = plain._vectors
    vectors = vectors.clone()
    vectors[second] = vectors[first]
    twins = dataclasses.replace(plain)
    # Where a frozen dataclass keeps what it has worked out.
    twins.__dict__["_vectors"] = (queries, vectors)
    tied = twins.answer_exactly(TOP_K)
    place = tied.row_list(0).tolist().index(first)
    other = tied.row_list(0).tolist().index(second)
    assert abs(place - other) == 1
    assert list_kind(twins, tied, 0, swapped(tied.row_list(0), place, other), False) == "near_ties"


def test_perfect_replies_pass(plain, exact):
    figures = compare(plain, exact, perfect_replies(plain, exact), TOP_K, approximate=False)
    assert [check for check in checks(figures) if not check.ok] == []
    assert figures["lists"] == {"same": len(plain), "near_ties": 0, "approximate": 0, "unexplained": 0}
    assert list(figures["hr"]) == ["10", "20"]
    assert figures["latency_ms"]["p50"] == pytest.approx(10 + (len(plain) - 1) / 2)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"source": "fallback"}, "answers of the model"),
        ({"source": "", "fault": "status 503: busy"}, "errors"),
        ({"eligible": 3}, "answers with another number of eligible items"),
        ({"history_events_used": 1}, "answers from another number of events"),
        ({"scores": (9.0,) * TOP_K}, "score of an item"),
        ({"item_ids": ()}, "lists that nothing explains"),
        ({"item_ids": ("never-heard-of",) * TOP_K}, "lists that nothing explains"),
    ],
)
def test_one_reply_that_is_not_right_fails(plain, exact, change, what):
    replies = perfect_replies(plain, exact)
    hit = int(np.argmin(exact.ranks))
    if change == {"item_ids": ()}:
        change = change | {"scores": ()}
    replies[hit] = Reply(**(vars(replies[hit]) | change))
    figures = compare(plain, exact, replies, TOP_K, approximate=False)
    failed = {check.what for check in checks(figures) if not check.ok}
    assert what in failed
    lost = figures["sources"].get("model", 0) < len(plain) or "lists that nothing explains" in failed
    assert ("HR@10" in failed) == lost


@pytest.mark.parametrize(
    ("approximate", "served", "ok"),
    [
        (False, 0.12344, True),
        (False, 0.1235, False),
        (False, 0.1233, False),
        (True, 0.1223, True),
        (True, 0.1221, False),
        (True, 0.2, True),
    ],
)
def test_tolerances_of_the_hit_rate(plain, exact, approximate, served, ok):
    figures = compare(plain, exact, perfect_replies(plain, exact), TOP_K, approximate=approximate)
    figures["hr"] = {"10": {"served": served, "exact": 0.1234}}
    (check,) = [check for check in checks(figures) if check.what == "HR@10"]
    assert check.ok == ok
