"""The check of every item shown: always what the catalogue says, whatever is kept."""

import random

import pytest

from model.condition import Condition
from service import compliance
from service.compliance import Compliance


@pytest.fixture(params=["all items at once", "items shown alone"])
def checked(running, monkeypatch, request):
    if request.param == "items shown alone":
        monkeypatch.setattr(compliance, "AT_ONCE_ITEMS", 0)
    return Compliance(running.catalogue)


def test_flags_are_those_of_the_catalogue(running, checked):
    catalogue, rng = running.catalogue, random.Random(4)
    values = range(catalogue.num_values)
    seen = set()
    for _ in range(60):
        conditions = [
            Condition.build([rng.sample(values, 3)], none_of=rng.sample(values, 2))
            if rng.random() < 0.8
            else Condition()
            for _ in range(rng.randint(1, 4))
        ]
        rows = rng.sample(range(len(catalogue)), 30)
        chosen_by = [rng.randrange(len(conditions)) for _ in rows]
        expected = [
            bool(catalogue.satisfying(conditions[index])[row]) for index, row in zip(chosen_by, rows, strict=True)
        ]
        # Twice: what was learnt first is what is remembered then.
        assert checked.flags(conditions, chosen_by, rows) == expected
        assert checked.flags(conditions, chosen_by, rows) == expected
        seen |= set(expected)
    assert seen == {True, False}


def test_no_rows_no_flags(checked):
    assert checked.flags([Condition.of(0)], [], []) == []


def test_what_is_kept_is_bounded(running, monkeypatch):
    monkeypatch.setattr(compliance, "KEPT_BYTES", 8 * len(running.catalogue))
    bounded = Compliance(running.catalogue)
    conditions = [Condition.of(value) for value in range(20)]
    for condition in conditions:
        bounded.flags([condition], [0], [0])
    assert len(bounded._kept) == 8
    assert list(bounded._kept) == conditions[-8:]
