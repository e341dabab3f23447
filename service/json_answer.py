"""The answer as application/json, put together from texts that are written once per item or once per request."""

import orjson

from service.answer import Answered
from service.instructions import Instruction
from service.item_json import escaped
from service.presentation import Answer, ShownList
from service.reasons import PLAYED, POPULAR, SEPARATOR, clause_of
from service.slate import Slate

OPTIONAL_FIELDS = frozenset({"title", "reason", "attributes"})
_POPULAR, _PLAYED = escaped(POPULAR), escaped(PLAYED)
# `items` and `groups` stand behind the instructions, as in Recommendation.
_NAMES = tuple(Answered.__dataclass_fields__)
_SPLIT = _NAMES.index("instructions") + 1


def json_answer(answer: Answer) -> bytes:
    """The document that Recommendation describes."""
    lists = [orjson.Fragment(_items(answer, shown)) for shown in answer.lists]
    document = {name: getattr(answer, name) for name in _NAMES[:_SPLIT]}
    document["items"] = None if answer.grouped else lists[0]
    document["groups"] = _groups(answer, lists) if answer.grouped else None
    document |= {name: getattr(answer, name) for name in _NAMES[_SPLIT:]}
    return orjson.dumps(document)


def _groups(answer: Answer, lists: list[orjson.Fragment]) -> list[dict[str, object]]:
    if not answer.instructions:
        return [{"instruction": None, "instruction_name": None, "items": lists[0]}]
    return [
        {"instruction": index, "instruction_name": one.name, "items": lists[index]}
        for index, one in enumerate(answer.instructions)
    ]


def _items(answer: Answer, shown: ShownList) -> bytes:
    rows = shown.slate.rows
    if not rows:
        return b"[]"
    fields = OPTIONAL_FIELDS if answer.fields is None else answer.fields
    pieces = answer.served.item_json.pieces(fields)
    around = [pieces[row] for row in rows]
    told = [_told(answer, index, one, "reason" in fields) for index, one in enumerate(answer.asked)]
    scores = orjson.dumps(shown.slate.scores)[1:-1].split(b",")
    grounds = _grounds(answer, shown.slate) if "reason" in fields else [b""] * len(rows)
    places = zip(around, scores, shown.slate.instructions, shown.satisfied, grounds, strict=True)
    written = [
        part
        for (before, after), score, chosen_by, satisfied, ground in places
        for part in (before, score, told[chosen_by][satisfied], ground, after)
    ]
    written[0] = b"[" + written[0]
    written[-1] = written[-1][:-1] + b"]"  # no comma behind the last
    return b"".join(written)


def _told(answer: Answer, index: int, instruction: Instruction, with_reason: bool) -> tuple[bytes, bytes]:
    """What stands between score and reason: of an item that misses the instruction, of one that satisfies it."""
    number = str(index).encode() if answer.instructions else b"null"
    name = orjson.dumps(instruction.name) if answer.instructions else b"null"
    start = b',"instruction":' + number + b',"instruction_name":' + name + b',"satisfies_instruction":'
    missed, satisfied = start + b"false", start + b"true"
    if not with_reason:
        return missed, satisfied
    clause = clause_of(instruction)
    return missed + b',"reason":"', satisfied + b',"reason":"' + escaped(clause + SEPARATOR if clause else "")


def _grounds(answer: Answer, slate: Slate) -> list[bytes]:
    nearest = answer.nearest(slate)
    if nearest is None:
        return [_POPULAR] * len(slate)
    near = answer.served.item_json.near
    if not answer.played:
        return [near[row] for row in nearest]
    return [_PLAYED if row in answer.played else near[recent] for row, recent in zip(slate.rows, nearest, strict=True)]
