"""Choice of the fusion's weights: on queries whose cover is known, of a part that is kept for choosing."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from model.artwork.library import Library
from model.artwork.search import Candidates, PairScores, Weights, first_stage, second_stage

PAIR_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
TEXT_WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True)
class KnownQuery:
    """sentence and its vector float32 [d]; row: the cover it means. kind: queries of one kind count as one question."""

    sentence: str
    vector: np.ndarray
    row: int
    kind: str


@dataclass(frozen=True)
class Choice:
    """table: per pair of weights the mean reciprocal rank of each kind, and of all kinds together."""

    weights: Weights
    table: tuple[dict[str, float], ...]

    def facts(self) -> dict[str, object]:
        """For the release."""
        return {"chosen": asdict(self.weights), "mean_reciprocal_rank": list(self.table)}


def choose_weights(
    library: Library,
    queries: Sequence[KnownQuery],
    pair_scores: Callable[[str], PairScores] | None,
    depth: int,
    progress: Callable[[Sequence[KnownQuery]], Sequence[KnownQuery]] = lambda queries: queries,
) -> Choice:
    """The weights of the best mean reciprocal rank over the whole library, the smaller ones where several are as good.

    pair_scores: sentence -> scores of covers; None without a pair scorer. progress: wraps the queries, for a bar.
    """
    pairs = PAIR_WEIGHTS if pair_scores is not None else (0.0,)
    grid = [Weights(pair, text) for text in TEXT_WEIGHTS for pair in pairs]
    found: dict[str, list[list[float]]] = {}
    everything = [library.select({})]
    for query in progress(queries):
        scores = None if pair_scores is None else _remembered(pair_scores(query.sentence))
        by_text: dict[float, Candidates] = {
            text: first_stage(library, query.vector, query.sentence, everything, 1, depth, text)
            for text in TEXT_WEIGHTS
        }
        ranks = [_reciprocal_rank(library, query, by_text[one.text], one, depth, scores) for one in grid]
        found.setdefault(query.kind, []).append(ranks)
    means = {kind: np.mean(ranks, axis=0) for kind, ranks in found.items()}
    overall = np.mean(list(means.values()), axis=0)
    table = tuple(
        {
            **asdict(weights),
            **{kind: round(float(one[at]), 4) for kind, one in means.items()},
            "all": float(overall[at]),
        }
        for at, weights in enumerate(grid)
    )
    return Choice(grid[int(np.argmax(overall))], table)


def _reciprocal_rank(
    library: Library,
    query: KnownQuery,
    candidates: Candidates,
    weights: Weights,
    depth: int,
    scores: PairScores | None,
) -> float:
    """1 / the place of the first cover that shows the right picture; 0 where no candidate does."""
    ranking = second_stage(candidates, weights, depth, scores if weights.pair else None)
    right = library.picture(query.row)
    for place, row in enumerate(candidates.rows[ranking.positions].tolist(), 1):
        if library.picture(row) == right:
            return 1 / place
    return 0.0


def _remembered(scores: PairScores) -> PairScores:
    """Each pair is scored once, however many weights are tried."""
    known: dict[int, float] = {}

    def remembered(rows: np.ndarray) -> np.ndarray:
        new = [row for row in rows.tolist() if row not in known]
        if new:
            known.update(zip(new, scores(np.array(new)).tolist(), strict=True))
        return np.array([known[row] for row in rows.tolist()])

    return remembered
