"""Products: the float32 scores of a part's items, for one query or for several at once."""

import sys
from collections.abc import Sequence

import numpy as np

from model.plans import Part

# search_bench_rows.jsonl, bench "product": from 6 queries on, one product costs less than one for each.
PRODUCT_QUESTIONS = 6
# With columns from 2 on: OpenBLAS multiplies so few numbers as they lie, without packing them first, in a third of the
# time (1,500 items of width 128, 4 queries: 49 us one by one, 45 us by rows, 15 us by columns; 8 queries: 99, 63, 33).
COLUMN_QUESTIONS = 2
MOST_COLUMN_QUESTIONS = 8
SMALL_PRODUCT = 1_000_000


def questions_at_once(part: Part) -> tuple[int, int]:
    """(fewest, most) queries that are better multiplied together than one by one."""
    return (PRODUCT_QUESTIONS, sys.maxsize) if part.columns is None else (COLUMN_QUESTIONS, MOST_COLUMN_QUESTIONS)


def product(part: Part, query: np.ndarray) -> np.ndarray:
    """float32 [n], -inf where refused."""
    scores = part.block.vectors @ query if part.columns is None else query @ part.columns
    if part.refused is not None:
        scores[part.refused] = -np.inf
    return scores


def products(part: Part, queries: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [Q, n]: the same for several queries at once."""
    together = np.array(queries)
    if part.columns is None:
        scores = np.ascontiguousarray((part.block.vectors @ together.T).T)
    else:
        width, num_items = part.columns.shape
        scores = np.empty((len(together), num_items), dtype=np.float32)
        step = max(1, SMALL_PRODUCT // max(1, len(together) * width))
        for start in range(0, num_items, step):
            np.matmul(together, part.columns[:, start : start + step], out=scores[:, start : start + step])
    if part.refused is not None:
        scores[:, part.refused] = -np.inf
    return scores
