"""Shortlist: the few items that can be among the best, picked from float32 products and ranked by their true scores."""

import numpy as np

# The scores are folded to about this many maxima for each wanted item before the threshold is looked for in them.
MAXIMA_PER_WANTED = 3
RESCORE_ROWS = 1 << 16
LOWEST = np.finfo(np.float32).min


def shortlist(scores: np.ndarray, wanted: int, slack: float) -> np.ndarray:
    """Ascending positions of all that can be among the `wanted` best once rounding is taken out.

    scores: float32 [n], -inf where an item may not be taken. slack: above twice what a score can be off.
    """
    threshold = _lower_bound(scores, wanted) - slack
    return (scores >= max(threshold, LOWEST)).nonzero()[0]


def _lower_bound(scores: np.ndarray, wanted: int) -> float:
    """At most the wanted-th best score: the wanted-th best of maxima that no two share an item of."""
    if wanted >= len(scores):
        return -np.inf
    folds = max(1, len(scores) // (MAXIMA_PER_WANTED * wanted))
    width = len(scores) // folds
    maxima = np.maximum.reduce(scores[: folds * width].reshape(folds, width))
    maxima.partition(width - wanted)
    return float(maxima[width - wanted])


def ranked(
    query: np.ndarray, vectors: np.ndarray, positions: np.ndarray, rows: np.ndarray, top_k: int
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, scores float32) of the top_k by the definition: the sum in float64, rounded; equal scores by lower row.

    query: float64 [D]; rows [n]: the items whose vectors float32 stand at `positions` [n].
    """
    if len(rows) <= RESCORE_ROWS:
        scores = _true_scores(query, vectors, positions)
    else:
        pieces = range(0, len(rows), RESCORE_ROWS)
        scores = np.concatenate([_true_scores(query, vectors, positions[at : at + RESCORE_ROWS]) for at in pieces])
    order = np.lexsort((rows, -scores))[:top_k]
    return rows[order], scores[order]


def _true_scores(query: np.ndarray, vectors: np.ndarray, positions: np.ndarray) -> np.ndarray:
    # One dot product a row, not a matrix product: the order of its sum may depend on how many rows there are.
    return np.vecdot(vectors.take(positions, axis=0).astype(np.float64), query).astype(np.float32)
