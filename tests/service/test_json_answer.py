"""The spliced JSON against the same document made of plain dicts."""

import json
import math

import numpy as np
import pytest

from service.answer import Recommendation
from service.json_answer import json_answer
from tests.service.answers import CATALOGUE, NAMES, answer

PLACES = [(row, 1 / (row + 3), row % 2, row != 4) for row in range(len(NAMES))]


def item(place, *, given=True, ground="near your recent id plain"):
    row, score, index, satisfied = place
    reason = f"satisfies genre is {NAMES[index]}; {ground}" if given and satisfied else ground
    return {
        "item_id": f"id {NAMES[row]}",
        "title": CATALOGUE.titles[row],
        "score": score,
        "instruction": index if given else None,
        "instruction_name": f'name "{NAMES[index]}' if given else None,
        "satisfies_instruction": satisfied,
        "reason": reason,
        "attributes": CATALOGUE.describe(row),
    }


def test_every_character_survives():
    made = answer([PLACES], asked=NAMES[:2], history=(6,))
    vectors = made.served.retriever.vectors
    vectors[:, 6] = 2  # the item without a title is nearest to all
    document = json.loads(json_answer(made))
    assert document["items"] == [item(place) for place in PLACES]
    assert [*document] == [
        *("request_id", "release", "source", "source_reason", "arm", "arm_assigned_by"),
        *("simulated", "mode", "instructions", "items", "groups"),
        *("eligible", "ignored_items", "ignored_items_total", "history_events_used", "history_source", "took_ms"),
        "warnings",
    ]
    assert set(document) == set(Recommendation.__dataclass_fields__)
    assert document["instructions"][0] == {"name": 'name ""', "where": {"genre": {"any": ['"']}}}


def test_scores_round_trip():
    scores = [float(np.float32(value)) for value in (0.1, 1e-30, -3.25, 1e20, 7.0, math.pi)]
    made = answer([[(row, score, 0, True) for row, score in enumerate(scores)]])
    assert [one["score"] for one in json.loads(json_answer(made))["items"]] == scores


def test_popular_and_played_items():
    popular = answer([PLACES[:3]], history=())
    expected = [item(place, given=False, ground="popular with all listeners") for place in PLACES[:3]]
    for one in expected:
        one["instruction"] = None
    assert (
        json.loads(json_answer(answer([[(*place[:2], 0, True) for place in PLACES[:3]]], history=())))["items"]
        == expected
    )
    played = answer([[(0, 1.0, 0, True), (6, 0.5, 0, True)]], history=(6,), played={6})
    reasons = [one["reason"] for one in json.loads(json_answer(played))["items"]]
    assert reasons == ["near your recent id plain", "in your history"]
    assert popular.nearest(popular.lists[0].slate) is None


def test_groups_and_empty_lists():
    grouped = json.loads(json_answer(answer([PLACES[::2], []], asked=NAMES[:2], grouped=True)))
    assert grouped["items"] is None
    assert [(one["instruction"], len(one["items"])) for one in grouped["groups"]] == [(0, 4), (1, 0)]
    assert json.loads(json_answer(answer([[]])))["items"] == []


@pytest.mark.parametrize(
    "fields", [(), ("title",), ("reason",), ("attributes",), ("title", "attributes"), ("title", "reason", "attributes")]
)
def test_fields_leave_the_rest_out(fields):
    everything = json.loads(json_answer(answer([PLACES], asked=NAMES[:2])))["items"]
    told = json.loads(json_answer(answer([PLACES], asked=NAMES[:2], fields=frozenset(fields))))["items"]
    left_out = {"title", "reason", "attributes"} - set(fields)
    assert told == [{name: value for name, value in one.items() if name not in left_out} for one in everything]
