"""cover_index(): the item index as libraries of covers set it."""

from collections.abc import Mapping

import numpy as np

from model.catalogue import Catalogue
from model.item_index import ItemIndex

EXACT_UP_TO = 50_000
"""Reading all vectors of 100,000 covers, 644 numbers each, takes 22 ms of CPU; a half of it can be borne."""
PROBED_ROWS = 1 << 14
"""Sentences lie farther from covers than covers do: of 100,000, 4,096 rows hold 0.71 of the 50 best for a sentence and
16,384 hold 0.94, in 4 ms of CPU."""


def cover_index(
    catalogue: Catalogue,
    vectors: np.ndarray,
    *,
    exact_up_to: int = EXACT_UP_TO,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> ItemIndex:
    """vectors: float32 [V, d]; arrays: what the index of the same covers gave when they were published."""
    return ItemIndex(catalogue, vectors, exact_up_to=exact_up_to, probed_rows=PROBED_ROWS, arrays=arrays)
