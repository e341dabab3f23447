"""Reasons: a short true sentence per item, made of what was really computed."""

from collections.abc import Sequence

import numpy as np

from service.answer import Source
from service.instructions import Instruction
from service.releases import ServedRelease

RECENT_ITEMS = 50


def reasons(
    served: ServedRelease,
    rows: np.ndarray,
    history_rows: np.ndarray,
    followed: Sequence[Instruction | None],
    source: Source,
) -> list[str]:
    """One sentence per row; followed: the instruction that a row satisfies, None for no instruction or one missed.

    "near" is the item with the largest inner product among the history's last RECENT_ITEMS different ones.
    """
    clauses = ["" if one is None or not one.where else f"satisfies {one.describe()}" for one in followed]
    popular = ["popular with all listeners"] * len(rows)
    grounds = _nearest(served, rows, history_rows) if source == "model" else popular
    return ["; ".join(part for part in parts if part) for parts in zip(clauses, grounds, strict=True)]


def _nearest(served: ServedRelease, rows: np.ndarray, history_rows: np.ndarray) -> list[str]:
    recent = np.array(list(dict.fromkeys(history_rows[::-1].tolist()))[:RECENT_ITEMS], dtype=np.int64)
    vectors, catalogue = served.retriever.vectors, served.catalogue
    nearest = recent[(vectors[rows] @ vectors[recent].T).argmax(axis=1)] if len(rows) else recent[:0]
    played = np.isin(rows, history_rows)
    return [
        "in your history" if seen else f"near your recent {catalogue.titles[row] or catalogue.item_ids[row]}"
        for row, seen in zip(nearest.tolist(), played.tolist(), strict=True)
    ]
