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


def nearest_recent(vectors: np.ndarray, rows: Sequence[int], recent: np.ndarray, columns: np.ndarray) -> list[int]:
    """Per row the recent item (int64 rows [R]) with the largest inner product; columns: see columns_of."""
    if not rows:
        return []
    products = np.asarray(vectors).take(rows, axis=0) @ columns
    return recent.take(products.argmax(axis=1)).tolist()


def columns_of(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Vectors of rows [R] side by side, float32 [D, R]: many products with them cost half of what rows cost."""
    # The rows of a memory map would be memory maps again, and slow.
    return np.ascontiguousarray(np.asarray(vectors).take(rows, axis=0).T)
