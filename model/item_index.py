"""Nearest items by inner product under a condition: exact, or the nearest clusters of a large catalogue's blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

import numpy as np

from model.catalogue import Catalogue
from model.clusters import Clusters
from model.condition import Condition
from model.plans import Part, Plan, Plans
from model.products import product, products, questions_at_once
from model.shortlist import ranked, shortlist
from model.slabs import Block, Slabs

MAX_SCORES = 1 << 24
# Where the ways cross, from search_bench_rows.jsonl: bench "search", "exact" against "clusters" with 4,096 probed rows
# (100,000 items: 9,100 exact rows cost 0.28 ms, the clusters 0.46 ms; 1,000,000: 91,000 exact rows 2.8 ms, 0.45 ms).
EXACT_UP_TO = 100_000
PROBED_ABOVE = 1 << 14
PROBED_ROWS = 1 << 12
RECALL_SAMPLE = 64
RECALL_TOP_K = 50
LARGEST_SCORE = float(np.finfo(np.float32).max) / 4
NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Question:
    """One list to find: query float32 [D]; excluded: int64 rows that it may not hold, ascending and unique."""

    query: np.ndarray
    condition: Condition
    top_k: int
    excluded: np.ndarray = field(default_factory=lambda: NO_ROWS)


@dataclass(frozen=True)
class SearchResult:
    """rows int64 [S] best first, scores float32 [S]; eligible: items that satisfy the condition, less the excluded."""

    rows: np.ndarray
    scores: np.ndarray
    eligible: int


class _Asked(NamedTuple):
    """A question made ready: its query in both precisions, what its float32 scores may be off, its excluded rows."""

    question: Question
    query: np.ndarray
    precise: np.ndarray
    slack: float
    gone: np.ndarray | None


class ItemIndex:
    """Strict top-k search: always min(top_k, eligible) unique, compliant items.

    The score of an item is its inner product with the query, summed in float64 and rounded to float32; equal scores
    rank by the lower row. That definition, not the path taken, decides the order: every exact path equals brute force.

    Exact throughout up to `exact_up_to` items. Above that, a block of more than `probed_above` rows (the slab of a
    value, a gathered condition, the whole catalogue) is searched in the nearest clusters that hold `probed_rows` of its
    items: every answer is as full and as compliant, its scores are the true ones, but it may miss a better item.
    `recall` is the measured recall@50 of the unconstrained search with sampled item vectors as queries, None where
    everything is exact.

    Memory: the vectors (4 V D bytes), one more copy for each slab an item stands in (see Slabs), and up to
    `cache_bytes` of blocks gathered and bitmaps kept for recent conditions.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: np.ndarray,
        *,
        exact_up_to: int = EXACT_UP_TO,
        probed_above: int = PROBED_ABOVE,
        probed_rows: int = PROBED_ROWS,
        slab_attributes: Sequence[str] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
        cache_bytes: int = 256 << 20,
    ) -> None:
        """vectors: [V, D], row v is item v of the catalogue; arrays: what `arrays()` of an equal index gave.

        ValueError on another shape or non-finite values. Nothing is copied from float32 arrays that lie contiguous.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(catalogue):
            raise ValueError(f"expected vectors of shape [{len(catalogue)}, D], got {list(vectors.shape)}")
        self._longest = float(_lengths(vectors).max(initial=0.0))
        if not np.isfinite(self._longest):
            raise ValueError("expected finite vectors, got NaN or infinity")
        self.catalogue = catalogue
        self.recall: float | None = None
        self._probed_rows = probed_rows
        self._all = Block(np.arange(len(vectors)), vectors)
        self._clusters: Clusters | None = None
        if arrays is None:
            self._clusters = Clusters.fit(vectors) if len(vectors) > exact_up_to else None
            self._slabs = Slabs.build(catalogue, self._all, slab_attributes, self._clusters)
        else:
            if "centroids" in arrays:
                self._clusters = Clusters(np.asarray(arrays["centroids"]), np.asarray(arrays["cluster_of"]))
                self.recall = float(arrays["recall"][0])
            self._slabs = Slabs.from_arrays(catalogue, self._all, arrays)
        self._plans = Plans(catalogue, self._slabs, self._clusters, probed_above, cache_bytes)
        if self._clusters is not None and self.recall is None:
            sample = np.random.default_rng(0).choice(len(vectors), min(RECALL_SAMPLE, len(vectors)), replace=False)
            self.recall = self.measure_recall(vectors[sample], RECALL_TOP_K)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that was built beside the vectors, for another process to map into its memory."""
        found = self._slabs.arrays()
        if self._clusters is not None:
            recall = np.array([self.recall], dtype=np.float64)
            found |= {"centroids": self._clusters.centroids, "cluster_of": self._clusters.cluster_of, "recall": recall}
        return found

    def search(
        self,
        queries: np.ndarray,
        condition: Condition,
        top_k: int,
        excluded: np.ndarray | Sequence[np.ndarray] = NO_ROWS,
    ) -> list[SearchResult]:
        """The best items of each query [Q, D] under one condition.

        excluded: int64 rows that no query may get (may repeat), or a sequence of Q such arrays, one per query.
        Raises ValueError on another shape, top_k < 1, unknown rows or value ids, or scores beyond float32.
        """
        return self._search(self._questions(queries, condition, top_k, excluded), exactly=False)

    def search_many(self, questions: Sequence[Question]) -> list[SearchResult]:
        """The answer to each question; many under one condition share a matrix product.

        Raises ValueError as `search` does; that the excluded rows ascend is the caller's word.
        """
        return self._search(questions, exactly=False)

    def satisfied(self, condition: Condition) -> np.ndarray | None:
        """bool [V], read-only: which items satisfy the condition; None where that is too large to keep."""
        return self._plans.of(condition).satisfied

    def count(self, condition: Condition) -> int:
        """How many items satisfy the condition."""
        return self._plans.of(condition).eligible

    def measure_recall(self, queries: np.ndarray, top_k: int, condition: Condition | None = None) -> float:
        """Share of the exact top_k under a condition (None: of all items) that `search` finds, over queries [Q, D]."""
        questions = self._questions(queries, condition or Condition(), top_k, NO_ROWS)
        found, exact = (self._search(questions, exactly=exactly) for exactly in (False, True))
        hits = sum(len(np.intersect1d(a.rows, b.rows)) for a, b in zip(found, exact, strict=True))
        return hits / max(1, sum(len(result.rows) for result in exact))

    def _search(self, questions: Sequence[Question], *, exactly: bool) -> list[SearchResult]:
        asked = self._checked(questions)
        groups: dict[Condition, list[int]] = {}
        for number, question in enumerate(questions):
            groups.setdefault(question.condition, []).append(number)
        answers: dict[int, SearchResult] = {}
        for condition, numbers in groups.items():
            plan = self._plans.of(condition)
            part = plan.parts[0]
            fewest, most = questions_at_once(part)
            if len(numbers) < fewest or len(plan.parts) > 1 or (part.ends is not None and not exactly):
                for number in numbers:
                    answers[number] = self._answer(asked[number], plan, exactly)
                continue
            step = max(1, min(most, MAX_SCORES // max(1, len(part.block.rows))))
            for start in range(0, len(numbers), step):
                chunk = numbers[start : start + step]
                for number, scores in zip(chunk, products(part, [asked[i].query for i in chunk]), strict=True):
                    answers[number] = self._answer(asked[number], plan, exactly, scores)
        return [answers[number] for number in range(len(questions))]

    def _answer(self, asked: _Asked, plan: Plan, exactly: bool, scores: np.ndarray | None = None) -> SearchResult:
        """scores: those of the plan's only part, where they are known already."""
        question, query, precise, slack, gone = asked
        num_gone = 0 if gone is None else self._num_satisfying(question, plan)
        # The excluded are still among the scores, so as many more are picked.
        wanted = question.top_k + num_gone
        picked = []
        for part in plan.parts:
            if part.ends is None or exactly:
                positions = shortlist(product(part, query) if scores is None else scores, wanted, slack)
            else:
                positions = self._probe(part, asked, wanted)
            rows = part.block.rows[positions]
            if gone is not None and num_gone:
                kept = ~gone[rows]
                positions, rows = positions[kept], rows[kept]
            picked.append((positions, rows))
        vectors = plan.parts[0].block.vectors
        if len(picked) > 1:
            # An item may stand in several parts: from here on it goes by its row.
            positions = rows = np.unique(np.concatenate([rows for _, rows in picked]))
            vectors = self._all.vectors
        return SearchResult(*ranked(precise, vectors, positions, rows, question.top_k), plan.eligible - num_gone)

    def _num_satisfying(self, question: Question, plan: Plan) -> int:
        """How many of the excluded rows satisfy the condition."""
        if not question.condition:
            return len(question.excluded)
        if plan.satisfied is None:
            return int(self.catalogue.satisfying(question.condition, question.excluded).sum())
        return int(np.count_nonzero(plan.satisfied[question.excluded]))

    def _probe(self, part: Part, asked: _Asked, wanted: int) -> np.ndarray:
        """Positions of the best items in the nearest clusters of a part."""
        assert self._clusters is not None
        assert part.ends is not None
        assert part.sizes is not None
        nearest = self._clusters.nearest(asked.query, part.sizes, max(wanted, self._probed_rows))
        starts, stops = part.ends[nearest], part.ends[nearest + 1]
        ends = (stops - starts).cumsum()
        scores = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.float32)
        vectors, at = part.block.vectors, 0
        for start, stop, end in zip(starts.tolist(), stops.tolist(), ends.tolist(), strict=True):
            np.dot(vectors[start:stop], asked.query, out=scores[at:end])
            if part.refused is not None:
                scores[at:end][part.refused[start:stop]] = -np.inf
            at = end
        found = shortlist(scores, wanted, asked.slack)
        cluster = ends.searchsorted(found, side="right")
        return found + (stops - ends)[cluster]

    def _questions(
        self, queries: np.ndarray, condition: Condition, top_k: int, excluded: np.ndarray | Sequence[np.ndarray]
    ) -> list[Question]:
        width = self._all.vectors.shape[1]
        if queries.ndim != 2 or queries.shape[1] != width:
            raise ValueError(f"expected queries of shape [Q, {width}], got {list(queries.shape)}")
        if isinstance(excluded, np.ndarray):
            unique = [np.unique(excluded.astype(np.int64))] * len(queries)
        else:
            unique = [np.unique(np.asarray(rows, dtype=np.int64)) for rows in excluded]
        if len(unique) != len(queries):
            raise ValueError(f"expected excluded rows for each of {len(queries)} queries, got {len(unique)}")
        return [Question(query, condition, top_k, rows) for query, rows in zip(queries, unique, strict=True)]

    def _checked(self, questions: Sequence[Question]) -> list[_Asked]:
        width, num_items = self._all.vectors.shape[1], len(self.catalogue)
        gone: dict[int, np.ndarray | None] = {}
        for question in questions:
            if question.query.shape != (width,):
                raise ValueError(f"expected queries of shape [{width}], got {list(question.query.shape)}")
            if question.top_k < 1:
                raise ValueError(f"expected top_k of at least 1, got {question.top_k}")
            rows = question.excluded
            if id(rows) not in gone:
                if len(rows) and not 0 <= rows[0] <= rows[-1] < num_items:
                    raise ValueError(f"expected excluded rows in 0..{num_items - 1}, got {rows[0]}..{rows[-1]}")
                gone[id(rows)] = _bitmap(rows, num_items) if len(rows) else None
        queries = np.array([question.query for question in questions], dtype=np.float32).reshape(-1, width)
        precise = queries.astype(np.float64)
        with np.errstate(invalid="ignore"):
            lengths = [sqrt(square) for square in np.vecdot(precise, precise).tolist()]
        # Bounding the lengths' product bounds every partial sum of a score, so nothing overflows on the way either.
        longest = LARGEST_SCORE / max(self._longest, 1.0)
        if not all(length < longest for length in lengths):
            raise ValueError("expected finite queries whose scores fit float32, got NaN, infinity or too long a vector")
        # Above twice what a float32 product, in whatever order it sums, can differ from the score.
        relative, absolute = (width + 2) * 2.0**-22 * self._longest, (width + 2) * 1e-37
        return [
            _Asked(question, query, exact, relative * length + absolute, gone[id(question.excluded)])
            for question, query, exact, length in zip(questions, queries, precise, lengths, strict=True)
        ]


def _bitmap(rows: np.ndarray, num_items: int) -> np.ndarray:
    bitmap = np.zeros(num_items, dtype=bool)
    bitmap[rows] = True
    return bitmap


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """float64 [rows]: Euclidean lengths."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
