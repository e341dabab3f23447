"""Nearest items by inner product under a condition: exact over contiguous blocks, HNSW where nothing is demanded."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import faiss
import numpy as np

from model.catalogue import Catalogue
from model.condition import Condition
from model.slabs import Block, Slabs, positions_in

MAX_SCORES = 1 << 24
RESCORE_ROWS = 1 << 16
PLAN_BYTES = 1 << 10
HNSW_ABOVE = 100_000
HNSW_LINKS = 32
HNSW_BUILD_BREADTH = 100
HNSW_SEARCH_BREADTH = 256
RECALL_SAMPLE = 64
RECALL_TOP_K = 50
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


@dataclass(frozen=True)
class _Plan:
    """A condition's items: the union of the blocks (an item may stand in several), less the refused rows, ascending.

    Only a plan over the whole catalogue refuses rows.
    """

    blocks: tuple[Block, ...]
    refused: np.ndarray
    eligible: int
    owned_bytes: int


class ItemIndex:
    """Strict top-k search: always min(top_k, eligible) unique, compliant items.

    The score of an item is its inner product with the query, summed in float64 and rounded to float32; equal scores
    rank by the lower row. That definition, not the path taken, decides the order: every exact path equals brute force.

    Memory: the vectors (4 V D bytes), one more copy for each slab an item stands in (see Slabs), up to `cache_bytes` of
    blocks gathered for recent conditions, and about 4 V (D + 2 HNSW_LINKS) bytes for HNSW. HNSW answers only the
    unconstrained search of a catalogue above `hnsw_above` items; `hnsw_recall` is its recall@50 with sampled item
    vectors as queries, None where there is no graph. Everything else is exact.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: np.ndarray,
        *,
        hnsw_above: int = HNSW_ABOVE,
        slab_attributes: Sequence[str] | None = None,
        cache_bytes: int = 256 << 20,
    ) -> None:
        """vectors: [V, D], row v is item v of the catalogue; ValueError on another shape or non-finite values."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(catalogue):
            raise ValueError(f"expected vectors of shape [{len(catalogue)}, D], got {list(vectors.shape)}")
        self._longest = float(_lengths(vectors).max(initial=0.0))
        if not np.isfinite(self._longest):
            raise ValueError("expected finite vectors, got NaN or infinity")
        self.catalogue = catalogue
        self.cache_bytes = cache_bytes
        self._all = Block(np.arange(len(vectors)), vectors)
        self._slabs = Slabs(catalogue, self._all, slab_attributes)
        self._plans: OrderedDict[Condition, _Plan] = OrderedDict()
        self._plan_bytes = 0
        self._lock = Lock()
        self._graph = _build_graph(vectors) if len(vectors) > hnsw_above else None
        self.hnsw_recall: float | None = None
        if self._graph is not None:
            sample = np.random.default_rng(0).choice(len(vectors), min(RECALL_SAMPLE, len(vectors)), replace=False)
            self.hnsw_recall = self.measure_recall(vectors[sample], RECALL_TOP_K)

    def search(
        self,
        queries: np.ndarray,
        condition: Condition,
        top_k: int,
        excluded: np.ndarray | Sequence[np.ndarray] = NO_ROWS,
    ) -> list[SearchResult]:
        """The best items of each query [Q, D]; one matrix product per block serves all queries.

        excluded: int64 rows that no query may get (may repeat), or a sequence of Q such arrays, one per query.
        Raises ValueError on another shape, top_k < 1, unknown rows or value ids, or scores beyond float32.
        """
        queries = self._checked_queries(queries, top_k)
        removed = self._checked_rows(excluded, len(queries))
        if not condition and self._graph is not None:
            return [self._search_graph(query, top_k, rows) for query, rows in zip(queries, removed, strict=True)]
        return self._search_exactly(queries, self._plan(condition), top_k, removed)

    def search_many(self, questions: Sequence[Question]) -> list[SearchResult]:
        """The answer to each question; those under one condition share its matrix product."""
        groups: dict[tuple[Condition, int], list[int]] = {}
        for number, question in enumerate(questions):
            groups.setdefault((question.condition, question.top_k), []).append(number)
        answers: dict[int, SearchResult] = {}
        for (condition, top_k), numbers in groups.items():
            queries = np.stack([questions[number].query for number in numbers])
            excluded = [questions[number].excluded for number in numbers]
            answers |= zip(numbers, self.search(queries, condition, top_k, excluded), strict=True)
        return [answers[number] for number in range(len(questions))]

    def satisfied(self, condition: Condition) -> np.ndarray | None:
        """bool [V], read-only: which items satisfy the condition; None where that is too large to keep."""
        return self.catalogue.satisfying(condition) if len(self.catalogue) <= self.cache_bytes // 64 else None

    def count(self, condition: Condition) -> int:
        """How many items satisfy the condition."""
        return self._plan(condition).eligible

    def measure_recall(self, queries: np.ndarray, top_k: int) -> float:
        """Share of the exact unconstrained top_k that `search` finds, over all queries [Q, D]."""
        found = self.search(queries, Condition(), top_k)
        queries = self._checked_queries(queries, top_k)
        exact = self._search_exactly(queries, self._plan(Condition()), top_k, [NO_ROWS] * len(queries))
        hits = sum(len(np.intersect1d(a.rows, b.rows)) for a, b in zip(found, exact, strict=True))
        return hits / max(1, sum(len(result.rows) for result in exact))

    def _search_exactly(
        self, queries: np.ndarray, plan: _Plan, top_k: int, removed: Sequence[np.ndarray]
    ) -> list[SearchResult]:
        kept: list[list[np.ndarray]] = [[] for _ in queries]
        gone: list[list[np.ndarray]] = [[] for _ in queries]
        slack = self._rounding(queries)
        for block in plan.blocks:
            step = max(1, MAX_SCORES // max(1, len(block.rows)))
            for start in range(0, len(queries), step):
                scores = queries[start : start + step] @ block.vectors.T
                scores[:, plan.refused] = -np.inf
                for query, row_scores in enumerate(scores, start):
                    taken = block.positions(removed[query])
                    row_scores[taken] = -np.inf
                    gone[query].append(block.rows[taken])
                    kept[query].append(block.rows[_best(row_scores, top_k, slack[query])])
        return [
            self._ranked(query, _union(kept[number]), top_k, plan.eligible - _newly_gone(gone[number], plan.refused))
            for number, query in enumerate(queries)
        ]

    def _search_graph(self, query: np.ndarray, top_k: int, removed: np.ndarray) -> SearchResult:
        """Over-fetches by the excluded items; where the graph still comes back short, the exact search answers."""
        assert self._graph is not None
        wanted = top_k + len(removed)
        eligible = len(self.catalogue) - len(removed)
        if wanted * 4 < len(self.catalogue):
            breadth = faiss.SearchParametersHNSW(efSearch=max(HNSW_SEARCH_BREADTH, 2 * wanted))  # type: ignore[attr-defined]
            rows = self._graph.search(query[None], wanted, params=breadth)[1][0]
            rows = np.setdiff1d(rows[rows >= 0], removed)
            if len(rows) >= min(top_k, eligible):
                return self._ranked(query, rows, top_k, eligible)
        return self._search_exactly(query[None], self._plan(Condition()), top_k, [removed])[0]

    def _ranked(self, query: np.ndarray, rows: np.ndarray, top_k: int, eligible: int) -> SearchResult:
        """Candidate rows (unique) in the order that the definition of a score demands."""
        scores = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), RESCORE_ROWS):
            chunk = self._all.vectors[rows[start : start + RESCORE_ROWS]].astype(np.float64)
            # Not a matrix product: the order of its sum may depend on how many rows there are.
            scores[start : start + RESCORE_ROWS] = (chunk * query.astype(np.float64)).sum(axis=1)
        order = np.lexsort((rows, -scores))[:top_k]
        return SearchResult(rows[order].astype(np.int64), scores[order], eligible)

    def _rounding(self, queries: np.ndarray) -> np.ndarray:
        """float32 [Q]: above twice what a float32 product, in whatever order it sums, can differ from the score."""
        bound = (queries.shape[1] + 2) * (2.0**-22 * _lengths(queries) * self._longest + 1e-37)
        return bound.astype(np.float32)

    def _plan(self, condition: Condition) -> _Plan:
        with self._lock:
            plan = self._plans.get(condition)
            if plan is not None:
                self._plans.move_to_end(condition)
                return plan
            plan = self._make_plan(condition)
            self._plans[condition] = plan
            self._plan_bytes += plan.owned_bytes
            while self._plan_bytes > self.cache_bytes and self._plans:
                self._plan_bytes -= self._plans.popitem(last=False)[1].owned_bytes
            return plan

    def _make_plan(self, condition: Condition) -> _Plan:
        num_items, num_values = len(self.catalogue), self.catalogue.num_values
        highest, lowest = max(condition.mentioned, default=0), min(condition.mentioned, default=0)
        if condition.mentioned and not 0 <= lowest <= highest < num_values:
            raise ValueError(f"expected value ids in 0..{num_values - 1}, got {lowest}..{highest}")
        if not condition:
            return _Plan((self._all,), NO_ROWS, num_items, PLAN_BYTES)
        slabs = self._slabs.union_of(condition)
        if slabs:
            return _Plan(slabs, NO_ROWS, len(_union([slab.rows for slab in slabs])), PLAN_BYTES)
        pool = self._slabs.superset_of(condition).rows
        rows = pool[self.catalogue.satisfying(condition, pool)]
        block_bytes = rows.nbytes + len(rows) * self._all.vectors[:1].nbytes
        if 2 * len(rows) > num_items or 4 * block_bytes > self.cache_bytes:
            refused = np.setdiff1d(self._all.rows, rows, assume_unique=True)
            return _Plan((self._all,), refused, len(rows), refused.nbytes + PLAN_BYTES)
        block = Block(rows, self._all.vectors[rows])
        return _Plan((block,), NO_ROWS, len(rows), block.num_bytes + PLAN_BYTES)

    def _checked_queries(self, queries: np.ndarray, top_k: int) -> np.ndarray:
        width = self._all.vectors.shape[1]
        if top_k < 1:
            raise ValueError(f"expected top_k of at least 1, got {top_k}")
        if queries.ndim != 2 or queries.shape[1] != width:
            raise ValueError(f"expected queries of shape [Q, {width}], got {list(queries.shape)}")
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        # Bounding the lengths' product bounds every partial sum of a score, so nothing overflows on the way either.
        if not (_lengths(queries) * max(self._longest, 1.0) < np.finfo(np.float32).max / 4).all():
            raise ValueError("expected finite queries whose scores fit float32, got NaN, infinity or too long a vector")
        return queries

    def _checked_rows(self, excluded: np.ndarray | Sequence[np.ndarray], num_queries: int) -> list[np.ndarray]:
        shared = isinstance(excluded, np.ndarray)
        unique = [np.unique(np.asarray(rows, dtype=np.int64)) for rows in ([excluded] if shared else excluded)]
        for rows in unique:
            if len(rows) and not 0 <= rows[0] <= rows[-1] < len(self.catalogue):
                raise ValueError(f"expected excluded rows in 0..{len(self.catalogue) - 1}, got {rows[0]}..{rows[-1]}")
        if not shared and len(unique) != num_queries:
            raise ValueError(f"expected excluded rows for each of {num_queries} queries, got {len(unique)}")
        return unique * num_queries if shared else unique


def _best(scores: np.ndarray, top_k: int, slack: np.float32) -> np.ndarray:
    """Positions that can be among the top_k once rounding is taken out; -inf marks what is not eligible."""
    cut = len(scores) - top_k
    threshold = np.partition(scores, cut)[cut] - slack if cut > 0 else -np.inf
    return np.flatnonzero((scores >= threshold) & (scores > -np.inf))


def _union(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.unique(np.concatenate([NO_ROWS, *parts]))


def _newly_gone(parts: Sequence[np.ndarray], refused: np.ndarray) -> int:
    """How many different rows the parts name that were not refused already."""
    rows = _union(parts)
    return len(rows) - len(positions_in(refused, rows))


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """float64 [rows]: Euclidean lengths."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))


def _build_graph(vectors: np.ndarray) -> faiss.IndexHNSWFlat:
    # One thread, as everywhere in the serving process: FAISS brings a thread pool of its own.
    faiss.omp_set_num_threads(1)
    graph = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = HNSW_BUILD_BREADTH
    graph.add(vectors)
    return graph
