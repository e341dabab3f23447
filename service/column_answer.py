"""The answer as columns, for clients that ask much and know the items: no text stands twice."""

from collections.abc import Iterable

import orjson

from model.catalogue import Catalogue
from service.answer import Answered
from service.presentation import Answer, ShownList
from service.reasons import NEAR, PLAYED, POPULAR, SEPARATOR, clause_of

_NAMES = tuple(Answered.__dataclass_fields__)


def column_answer(answer: Answer) -> bytes:
    """The document that RecommendationColumns describes."""
    catalogue, fields = answer.served.catalogue, answer.fields or frozenset()
    rows = [row for shown in answer.lists for row in shown.slate.rows]
    document = {name: getattr(answer, name) for name in _NAMES}
    document["list_lengths"] = [len(shown.slate) for shown in answer.lists]
    document["item_ids"] = [catalogue.item_ids[row] for row in rows]
    document["scores"] = [score for shown in answer.lists for score in shown.slate.scores]
    chosen_by = [index for shown in answer.lists for index in shown.slate.instructions]
    document["instruction"] = chosen_by if answer.instructions else [None] * len(rows)
    document["satisfies_instruction"] = [flag for shown in answer.lists for flag in shown.satisfied]
    if "title" in fields:
        document["titles"] = [catalogue.titles[row] for row in rows]
    if "reason" in fields:
        document["reasons"] = _texts(reason for shown in answer.lists for reason in _reasons(answer, shown))
    if "attributes" in fields:
        document["attributes"] = _attributes(catalogue, rows)
    return orjson.dumps(document)


def _texts(texts: Iterable[str]) -> dict[str, object]:
    """A TextColumn."""
    place_of: dict[str, int] = {}
    places = [place_of.setdefault(text, len(place_of)) for text in texts]
    return {"values": list(place_of), "places": places}


def _reasons(answer: Answer, shown: ShownList) -> list[str]:
    catalogue = answer.served.catalogue
    clauses = [clause_of(one) for one in answer.asked]
    nearest, reasons = answer.nearest(shown.slate), []
    for place, row in enumerate(shown.slate.rows):
        if nearest is None:
            ground = POPULAR
        elif row in answer.played:
            ground = PLAYED
        else:
            ground = NEAR + (catalogue.titles[nearest[place]] or catalogue.item_ids[nearest[place]])
        clause = clauses[shown.slate.instructions[place]] if shown.satisfied[place] else ""
        reasons.append(clause + SEPARATOR + ground if clause else ground)
    return reasons


def _attributes(catalogue: Catalogue, rows: list[int]) -> dict[str, object]:
    """An AttributeColumn for every attribute."""
    columns: dict[str, object] = {}
    described = [catalogue.describe(row) for row in rows]
    for name in catalogue.attributes:
        place_of: dict[str, int] = {}
        places = [[place_of.setdefault(value, len(place_of)) for value in one.get(name, ())] for one in described]
        columns[name] = {"values": list(place_of), "places": places}
    return columns
