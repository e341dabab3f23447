"""Search in two stages: what vectors and lettering find, then the best of it ranked again pair by pair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.artwork.lettering import MIN_SCORE
from model.artwork.library import Library, Selection

# Covers that nothing but their lettering brings into the first stage.
MAX_LETTERED = 20
CHUNK = 10
PairScores = Callable[[np.ndarray], np.ndarray]
"""Rows int64 [n] -> float32 [n], how well each cover and the sentence go together."""


@dataclass(frozen=True)
class Weights:
    """Of s = z(s1) + pair z(s2) + text t: s1 the inner product, s2 the pair score, t the share read off the cover."""

    pair: float = 1.0
    text: float = 1.0


@dataclass(frozen=True)
class Candidates:
    """rows int64 [n], best first by z(s1) + text t. image, text float64 [n]; chosen_by int64 [n]: which selection.

    eligible: per selection, covers that satisfy it.
    """

    rows: np.ndarray
    image: np.ndarray
    text: np.ndarray
    chosen_by: np.ndarray
    eligible: tuple[int, ...]


@dataclass(frozen=True)
class Ranking:
    """positions int64: of candidates, best first. scores, pair float64 [n] by position; NaN where not ranked again.

    finished: whether every pair that was asked for has been scored; where not, the order is that of the first stage.
    """

    positions: np.ndarray
    scores: np.ndarray
    pair: np.ndarray
    finished: bool


def first_stage(
    library: Library, query: np.ndarray, sentence: str, selections: Sequence[Selection], k: int, depth: int, text: float
) -> Candidates:
    """At least `depth` candidates and k different pictures among them, as long as there are so many.

    query: float32 [d], norm 1. selections: a cover that several of them find belongs to the first.
    """
    lettered = library.lettered(sentence)
    written = np.flatnonzero(lettered >= MIN_SCORE)
    written = written[np.argsort(-lettered[written], kind="stable")]
    count = max(depth, k)
    while True:
        found = [library.nearest(query, selection, count) for selection in selections]
        rows, chosen_by = _joined(library, [rows for rows, _ in found], written, selections)
        pictures = {library.picture(row) for row in rows.tolist()}
        if len(pictures) >= k or all(eligible <= count for _, eligible in found):
            break
        count *= 2
    image = library.vectors(rows).astype(np.float64) @ query.astype(np.float64)
    order = np.argsort(-(z(image) + text * lettered[rows]), kind="stable")
    rows = rows[order]
    eligible = tuple(eligible for _, eligible in found)
    return Candidates(rows, image[order], lettered[rows], chosen_by[order], eligible)


def _joined(
    library: Library, nearest: Sequence[np.ndarray], written: np.ndarray, selections: Sequence[Selection]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows found for any selection, each once, and the first selection of each."""
    rows, chosen_by = [], []
    for number, selection in enumerate(selections):
        also = written[library.satisfying(selection, written)][:MAX_LETTERED]
        rows.append(np.concatenate((nearest[number], also)))
        chosen_by.append(np.full(len(rows[-1]), number))
    every, numbers = np.concatenate(rows), np.concatenate(chosen_by)
    unique, first = np.unique(every, return_index=True)
    return unique, numbers[first]


def second_stage(
    candidates: Candidates,
    weights: Weights,
    depth: int,
    pair_scores: PairScores | None,
    in_time: Callable[[], bool] = lambda: True,
) -> Ranking:
    """The best `depth` candidates by s, the others behind them as they were.

    pair_scores None: by the first stage alone. in_time: asked before every chunk of pairs; False ends it.
    """
    number = len(candidates.rows)
    pair = np.full(number, np.nan)
    scores = z(candidates.image) + weights.text * candidates.text
    unchanged = np.arange(number)
    if pair_scores is None:
        return Ranking(unchanged, scores, pair, finished=False)
    ranked = min(depth, number)
    scored = np.empty(ranked)
    for start in range(0, ranked, CHUNK):
        if not in_time():
            return Ranking(unchanged, scores, pair, finished=False)
        stop = min(start + CHUNK, ranked)
        scored[start:stop] = pair_scores(candidates.rows[start:stop])
    pair[:ranked] = scored
    again = z(candidates.image[:ranked]) + weights.pair * z(scored) + weights.text * candidates.text[:ranked]
    scores = scores.copy()
    scores[:ranked] = again
    return Ranking(np.concatenate((np.argsort(-again, kind="stable"), unchanged[ranked:])), scores, pair, finished=True)


def one_of_each(library: Library, rows: np.ndarray, positions: np.ndarray, k: int) -> list[int]:
    """The first k positions that show different pictures."""
    seen: set[str] = set()
    kept: list[int] = []
    for position in positions.tolist():
        picture = library.picture(int(rows[position]))
        if picture not in seen:
            seen.add(picture)
            kept.append(position)
            if len(kept) == k:
                break
    return kept


def z(scores: np.ndarray) -> np.ndarray:
    """Scores with mean 0 and deviation 1; all 0 where they are equal."""
    if not len(scores):
        return scores
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros(len(scores))
