"""The smoke check fails for every promise that an answer can break."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploy.demo.check import faults_of, overlaps, personalisation_faults
from deploy.demo.listeners import Company, Listener

FIRST = Listener("a", [("heard", 1)], "rock", unseen=True)
SECOND = Listener("b", [("other", 1)], "folk", unseen=True)
COMPANY = Company("genre", FIRST, SECOND)
VALUES = {
    "heard": frozenset({"rock"}),
    "r1": frozenset({"rock"}),
    "r2": frozenset({"rock", "folk"}),
    "f1": frozenset({"folk"}),
}


def answer(rock: list[str], folk: list[str]) -> dict[str, Any]:
    groups = [{"items": [{"item_id": item_id} for item_id in ids]} for ids in (rock, folk)]
    return {"source": "model", "source_reason": None, "groups": groups, "eligible": [2, 5]}


def faults(changed: dict[str, Any]) -> list[str]:
    return faults_of(changed, FIRST, COMPANY, VALUES, k=2)


def test_a_good_answer_has_no_faults() -> None:
    assert faults(answer(["r1", "r2"], ["r2", "f1"])) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda a: a.update(source="fallback", source_reason="deadline"), "expected source model, got fallback"),
        (lambda a: a["groups"].pop(), "expected 2 lists, got 1"),
        (lambda a: a.update(groups=None), "expected 2 lists, got 0"),
        (lambda a: a["groups"][0]["items"].pop(), "rock: expected 2 items, at least one, got 1"),
        (lambda a: a["groups"][0]["items"].__setitem__(0, {"item_id": "f1"}), "rock: 1 of 2 items do not satisfy"),
        (lambda a: a["groups"][0]["items"].__setitem__(0, {"item_id": "r2"}), "rock: an item appears twice"),
        (lambda a: a["groups"][0]["items"].__setitem__(0, {"item_id": "heard"}), "rock: items the listener has heard"),
    ],
)
def test_a_broken_promise_is_a_fault(change: Callable[[dict[str, Any]], Any], fault: str) -> None:
    broken = copy.deepcopy(answer(["r1", "r2"], ["r2", "f1"]))
    change(broken)
    (found,) = faults(broken)
    assert found.startswith(fault)


def test_an_empty_list_is_a_fault_even_where_nothing_is_eligible() -> None:
    empty = answer([], ["r2", "f1"]) | {"eligible": [0, 5]}
    assert faults(empty) == ["rock: expected 0 items, at least one, got 0"]


def test_overlap_is_the_share_of_the_first_listeners_items() -> None:
    assert overlaps(answer(["r1", "r2"], ["f1"]), answer(["r2", "heard"], ["f1"])) == [0.5, 1.0]


def test_the_same_items_for_everybody_are_a_fault() -> None:
    assert personalisation_faults([1.0, 1.0])
    assert personalisation_faults([1.0, 0.8]) == []
