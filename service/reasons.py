"""Reasons: a short true sentence per item, made of what was really computed."""

from collections.abc import Sequence

import numpy as np

from service.instructions import Instruction

POPULAR = "popular with all listeners"
PLAYED = "in your history"
NEAR = "near your recent "
SEPARATOR = "; "


def clause_of(instruction: Instruction) -> str:
    """What is said first of an item that satisfies its instruction; empty for any item."""
    return f"satisfies {instruction.describe()}" if instruction.where else ""


def nearest_recent(vectors: np.ndarray, rows: Sequence[int], recent: np.ndarray) -> list[int]:
    """Per row the recent item (int64 rows) with the largest inner product."""
    if not rows:
        return []
    plain = np.asarray(vectors)  # the rows of a memory map would be memory maps again, and slow
    products = plain.take(rows, axis=0) @ plain.take(recent, axis=0).T
    return recent.take(products.argmax(axis=1)).tolist()
