"""Retrieval metrics: pure functions on arrays, every one with its definition.

A rank is the number of items ahead of the target, 0 for the best; a target that was not retrieved has rank UNRANKED.
"""

from typing import NamedTuple

import numpy as np

UNRANKED = np.iinfo(np.int64).max


class Estimate(NamedTuple):
    """A mean over independent users or requests and its standard error (NaN where one value cannot tell)."""

    mean: float
    standard_error: float


def hit_rate(ranks: np.ndarray, top_k: int) -> float:
    """HR@K: share of targets among the first top_k. ranks: int [N]; NaN for N = 0."""
    return mean_and_standard_error(hits(ranks, top_k)).mean


def hits(ranks: np.ndarray, top_k: int) -> np.ndarray:
    """bool [N]: which targets are among the first top_k; the terms of hit_rate."""
    return _checked(ranks, top_k) < top_k


def ndcg(ranks: np.ndarray, top_k: int) -> float:
    """NDCG@K with one relevant item: mean of 1 / log2(2 + rank) within top_k, else 0. ranks: int [N]; NaN for N = 0."""
    gains = np.where(hits(ranks, top_k), 1 / np.log2(2.0 + np.asarray(ranks)), 0.0)
    return mean_and_standard_error(gains).mean


def recall_at(relevant: np.ndarray, num_relevant: np.ndarray, top_k: int) -> float:
    """Recall@K: share of each query's relevant items in its first top_k, averaged over queries that have any.

    relevant: bool [Q, K], whether the item at a position is relevant; num_relevant: int [Q], how many there are in all.
    NaN where no query has a relevant item.
    """
    first = _checked_list(relevant, top_k).sum(axis=1)
    num_relevant = np.asarray(num_relevant)
    if num_relevant.shape != first.shape or (num_relevant < first).any():
        raise ValueError(f"expected for each of {len(first)} queries at least as many relevant items as were found")
    asked = num_relevant > 0
    return mean_and_standard_error(first[asked] / num_relevant[asked]).mean


def condition_compliance(satisfies: np.ndarray, top_k: int, listed: np.ndarray | None = None) -> float:
    """CC@K: share of the first top_k items that satisfy their query's condition, averaged over queries.

    satisfies: bool [Q, K]; listed: bool [Q, K], False where a list is shorter (None: none is). A list shorter than
    top_k is judged by what it shows; an empty one has no share and counts for nothing; NaN where all are empty.
    Source: arXiv 2602.13581, CC@K.
    """
    first = _checked_list(satisfies, top_k)
    shown = np.ones_like(first) if listed is None else _checked_list(listed, top_k)
    if shown.shape != first.shape:
        raise ValueError(f"expected listed of shape {list(first.shape)}, got {list(shown.shape)}")
    lengths = shown.sum(axis=1)
    some = lengths > 0
    return mean_and_standard_error((first & shown).sum(axis=1)[some] / lengths[some]).mean


def coverage(recommended: np.ndarray, num_items: int) -> float:
    """Share of the catalogue's num_items (V) that stand in at least one list. recommended: int rows of any shape."""
    if num_items < 1:
        raise ValueError(f"expected at least one item in the catalogue, got {num_items}")
    rows = np.unique(recommended)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < num_items:
        raise ValueError(f"expected rows in 0..{num_items - 1}, got {rows[0]}..{rows[-1]}")
    return len(rows) / num_items


def list_overlap(recommended: np.ndarray, num_items: int) -> float:
    """Mean share of a list that the list of another user has too, over all pairs of users; 1 where everybody gets the
    same, NaN for fewer than two lists. recommended: int rows [Q, K] below num_items, unique in each list."""
    num_lists, length = recommended.shape
    if num_lists < 2:
        return float("nan")
    # An item in c lists is shared by c (c - 1) ordered pairs: no pair has to be looked at.
    counts = np.bincount(recommended.ravel(), minlength=num_items).astype(np.float64)
    return float((counts * (counts - 1)).sum() / (num_lists * (num_lists - 1) * length))


def mean_and_standard_error(values: np.ndarray) -> Estimate:
    """Mean and s / sqrt(N) with the unbiased s. values: [N], independent; both NaN for N = 0."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"expected values of shape [N], got {list(values.shape)}")
    if not len(values):
        return Estimate(float("nan"), float("nan"))
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return Estimate(float(values.mean()), error)


def _checked(ranks: np.ndarray, top_k: int) -> np.ndarray:
    ranks = np.asarray(ranks)
    _check_top_k(top_k)
    if ranks.ndim != 1 or (ranks < 0).any():
        raise ValueError(f"expected ranks of shape [N], none below 0, got shape {list(ranks.shape)}")
    return ranks


def _checked_list(flags: np.ndarray, top_k: int) -> np.ndarray:
    flags = np.asarray(flags)
    _check_top_k(top_k)
    if flags.ndim != 2 or flags.dtype != bool:
        raise ValueError(f"expected bool [Q, K], got {flags.dtype} {list(flags.shape)}")
    return flags[:, :top_k]


def _check_top_k(top_k: int) -> None:
    if top_k < 1:
        raise ValueError(f"expected top_k of at least 1, got {top_k}")
