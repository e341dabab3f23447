"""Answers over a catalogue with awkward names, for the tests of both writers."""

from types import SimpleNamespace

import numpy as np
import polars as pl

from model.catalogue import Catalogue
from service.answer import UsedInstruction
from service.compliance import Compliance
from service.instructions import Instruction
from service.item_json import ItemJson
from service.presentation import Answer, ShownList
from service.reasons import columns_of
from service.slate import Slate

NAMES = ['"', "\\", "a\nb", "é\u2028ü", "</script>", "\x01", "plain", "🎵, ]}"]
CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": [f"id {name}" for name in NAMES],
            "title": [None if name == "plain" else name for name in NAMES],
            "genre": [[name, "rock"] if place % 3 else [] for place, name in enumerate(NAMES)],
        },
        schema_overrides={"genre": pl.List(pl.String)},
    )
)


def served():
    vectors = np.eye(len(NAMES), dtype=np.float32)
    return SimpleNamespace(
        catalogue=CATALOGUE,
        retriever=SimpleNamespace(vectors=vectors),
        compliance=Compliance(CATALOGUE),
        item_json=ItemJson(CATALOGUE),
    )


def shown_list(places):
    """places: (row, score, instruction, satisfied)."""
    rows, scores, instructions, satisfied = ([place[column] for place in places] for column in range(4))
    return ShownList(Slate(rows, scores, instructions), satisfied)


def answer(lists, *, asked=None, history=(6,), **changes):
    """lists: places as of shown_list; asked: a genre per instruction; changes: fields of the Answer."""
    instructions = [Instruction(f'name "{value}', where={"genre": {"any": [value]}}) for value in asked or ()]
    shown = [shown_list(one) for one in lists]
    values = {
        **{"request_id": "r-1", "release": "r", "source": "model", "source_reason": None, "simulated": "nothing"},
        **{
            "mode": "strict",
            "instructions": [UsedInstruction(one.name, one.where) for one in instructions],
            "eligible": [5],
            "ignored_items": [],
        },
        **{"ignored_items_total": 0, "history_events_used": 1, "history_source": "body", "took_ms": 1.5},
        **{"warnings": [], "served": served(), "asked": instructions or [Instruction("any item")], "lists": shown},
        **{"grouped": False, "recent": np.array(history) if history else None, "played": (), "fields": None},
    }
    values |= changes
    recent = values["recent"]
    columns = None if recent is None else columns_of(values["served"].retriever.vectors, recent)
    return Answer(**values, recent_columns=columns)
