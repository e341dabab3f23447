"""Ranking: predicate detection, boxes and classes given - is the true predicate among the best?"""

import numpy as np

from model.vision.relation_head.data import Triplets


def top_hits(scores: np.ndarray, predicates: np.ndarray, top_k: int) -> float:
    """Share of rows whose predicate is among the row's `top_k` best: scores [R, predicates]."""
    own = scores[np.arange(len(predicates)), predicates][:, None]
    return float(((scores > own).sum(axis=1) < top_k).mean())


def recall_at(triplets: Triplets, scores: np.ndarray, limit: int, per_pair: int) -> float:
    """VRD's R@limit: share of an image's triplets among its `limit` best (pair, predicate), over all images at once.

    per_pair: how many predicates of a pair take part, its best ones. Scores [R, predicates] are equal for rows that
    speak of the same pair.
    """
    found = 0
    for image in np.unique(triplets.images):
        rows = np.flatnonzero(triplets.images == image)
        _, first, pair_of_row = np.unique(triplets.pairs[rows], return_index=True, return_inverse=True)
        pair_scores = scores[rows[first]]
        best = np.argsort(-pair_scores, axis=1, kind="stable")[:, :per_pair]
        values = np.take_along_axis(pair_scores, best, axis=1).reshape(-1)
        kept = np.argsort(-values, kind="stable")[:limit]
        hits = {(int(place) // per_pair, int(best.reshape(-1)[place])) for place in kept}
        truth = zip(pair_of_row.reshape(-1).tolist(), triplets.predicates[rows].tolist(), strict=True)
        found += sum(one in hits for one in truth)
    return found / len(triplets)


def report(triplets: Triplets, scores: np.ndarray) -> dict[str, float]:
    """The figures of predicate detection."""
    return {
        "top1": top_hits(scores, triplets.predicates, 1),
        "top5": top_hits(scores, triplets.predicates, 5),
        "recall50_k1": recall_at(triplets, scores, 50, 1),
        "recall100_k1": recall_at(triplets, scores, 100, 1),
        "recall50_k70": recall_at(triplets, scores, 50, scores.shape[1]),
    }
