"""Two-stage ranking: candidates by inner product, re-ranked by a pair scorer, both scores fused."""

import numpy as np

MIN_DEVIATION = 1e-6


def z_scores(values: np.ndarray) -> np.ndarray:
    """(x - mean) / deviation along the last axis; zeros where all values are the same."""
    values = np.asarray(values, np.float64)
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = values.std(axis=-1, keepdims=True)
    return np.where(deviation > MIN_DEVIATION, centred / np.maximum(deviation, MIN_DEVIATION), 0.0)


def fuse(first: np.ndarray, second: np.ndarray, alpha: float) -> np.ndarray:
    """z(s1) + alpha z(s2) over the candidates of one query; alpha infinite ranks by s2 alone. [..., K]."""
    if np.isinf(alpha):
        return z_scores(second)
    return z_scores(first) + alpha * z_scores(second)


def rerank(sims: np.ndarray, scores: np.ndarray, top_k: int, alpha: float) -> np.ndarray:
    """The matrix whose rows rank as two-stage search does: the first top_k of sims by the fused score, the rest behind.

    sims, scores: [queries, candidates], scores read at the first top_k of sims only. Returns float64 of that shape.
    """
    order = np.argsort(-sims, axis=1, kind="stable")
    top_k = min(top_k, sims.shape[1])
    first = order[:, :top_k]
    fused = fuse(np.take_along_axis(sims, first, 1), np.take_along_axis(scores, first, 1), alpha)
    places = np.argsort(-fused, axis=1, kind="stable")
    ranked = np.concatenate([np.take_along_axis(first, places, 1), order[:, top_k:]], axis=1)
    result = np.empty(sims.shape)
    np.put_along_axis(result, ranked, -np.arange(sims.shape[1], dtype=np.float64)[None].repeat(len(sims), 0), 1)
    return result
