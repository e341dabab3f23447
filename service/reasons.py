"""Reasons: a short true sentence per item, made of what was really computed."""

from collections.abc import Sequence

import numpy as np

from service.instructions import Instruction

RECENT_ITEMS = 50
POPULAR = "popular with all listeners"
PLAYED = "in your history"
NEAR = "near your recent "
SEPARATOR = "; "


def clause_of(instruction: Instruction) -> str:
    """What is said first of an item that satisfies its instruction; empty for any item."""
    return f"satisfies {instruction.describe()}" if instruction.where else ""


def nearest_recent(vectors: np.ndarray, rows: Sequence[int], history_rows: np.ndarray) -> list[int]:
    """Per row the item of the history's last RECENT_ITEMS different ones with the largest inner product."""
    if not rows:
        return []
    recent = np.array(_recent(history_rows), dtype=np.int64)
    plain = np.asarray(vectors)  # the rows of a memory map would be memory maps again, and slow
    products = plain.take(rows, axis=0) @ plain.take(recent, axis=0).T
    return recent.take(products.argmax(axis=1)).tolist()


def _recent(history_rows: np.ndarray) -> list[int]:
    """Newest first. Twice as many events hold enough different items as a rule, so most of a history is not read."""
    span = 2 * RECENT_ITEMS
    while True:
        found = dict.fromkeys(history_rows[-span:][::-1].tolist())
        if len(found) >= RECENT_ITEMS or span >= len(history_rows):
            return list(found)[:RECENT_ITEMS]
        span *= 4
