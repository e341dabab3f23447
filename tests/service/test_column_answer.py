"""Columns say what the JSON answer says."""

import json

import pytest

from service.answer import RecommendationColumns
from service.column_answer import column_answer
from service.json_answer import json_answer
from tests.service.answers import NAMES, answer

PLACES = [(row, 1 / (row + 3), row % 2, row != 4) for row in range(len(NAMES))]
ALL = frozenset({"title", "reason", "attributes"})


def items_of(columns):
    """Columns -> items as the JSON answer has them."""
    made = []
    for place, item_id in enumerate(columns["item_ids"]):
        index = columns["instruction"][place]
        attributes = {
            name: [column["values"][value] for value in column["places"][place]]
            for name, column in columns["attributes"].items()
        }
        made.append(
            {
                "item_id": item_id,
                "title": columns["titles"][place],
                "score": columns["scores"][place],
                "instruction": index,
                "instruction_name": None if index is None else columns["instructions"][index]["name"],
                "satisfies_instruction": columns["satisfies_instruction"][place],
                "reason": columns["reasons"]["values"][columns["reasons"]["places"][place]],
                "attributes": {name: values for name, values in attributes.items() if values},
            }
        )
    return made


@pytest.mark.parametrize(
    "case",
    [
        {"lists": [PLACES], "asked": NAMES[:2]},
        {"lists": [[(row, score, 0, True) for row, score, _, _ in PLACES]]},
        {"lists": [[(0, 1.0, 0, True), (6, 0.5, 0, True)]], "played": {6}},
        {"lists": [[(3, 1.0, 0, True)]], "history": ()},
        {"lists": [PLACES[::2], PLACES[1::2]], "asked": NAMES[:2], "grouped": True},
        {"lists": [[]]},
    ],
)
def test_the_same_items(case):
    made = answer(**case, fields=ALL)
    columns, document = json.loads(column_answer(made)), json.loads(json_answer(made))
    lists = [one["items"] for one in document["groups"]] if case.get("grouped") else [document["items"]]
    assert columns["list_lengths"] == [len(one) for one in lists]
    assert items_of(columns) == [one for items in lists for one in items]
    for column in (columns["reasons"], *columns["attributes"].values()):
        assert len(column["values"]) == len(set(column["values"]))
    about = set(document) - {"items", "groups"}
    assert {name: columns[name] for name in about} == {name: document[name] for name in about}
    assert set(columns) == set(RecommendationColumns.__dataclass_fields__)


def test_texts_are_told_only_to_who_asks():
    columns = json.loads(column_answer(answer([PLACES], asked=NAMES[:2])))
    assert not {"titles", "reasons", "attributes"} & set(columns)
    assert json.loads(column_answer(answer([PLACES], asked=NAMES[:2], fields=frozenset({"title"}))))["titles"]
