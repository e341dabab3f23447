from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex


def reference(world_vectors: np.ndarray, query: np.ndarray, allowed: np.ndarray, top_k: int) -> np.ndarray:
    scores = (world_vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))][:top_k]


@pytest.fixture(scope="module")
def graph() -> ItemIndex:
    rng = np.random.default_rng(5)
    catalogue = Catalogue(
        pl.DataFrame(
            {
                "item_id": [str(row) for row in range(2_000)],
                "genre": [[f"g{rng.integers(0, 10)}"] for _ in range(2_000)],
            }
        )
    )
    return ItemIndex(catalogue, rng.normal(size=(2_000, 16)).astype(np.float32), hnsw_above=1_999)


def test_hnsw_serves_the_unconstrained_search_with_its_recall_measured(graph: ItemIndex) -> None:
    queries = np.random.default_rng(6).normal(size=(30, 16)).astype(np.float32)
    assert graph.hnsw_recall is not None
    assert graph.hnsw_recall > 0.95
    assert graph.measure_recall(queries, 20) > 0.95
    excluded = np.random.default_rng(9).integers(0, 2_000, 150)
    for result in graph.search(queries, Condition(), 50, excluded):
        assert len(set(result.rows.tolist()) - set(excluded.tolist())) == 50
        assert result.eligible == 2_000 - len(set(excluded.tolist()))
        assert (np.diff(result.scores) <= 0).all()


class Answering:
    """A graph that always finds the same rows."""

    def __init__(self, rows: Iterable[int]) -> None:
        self.rows = np.array(list(rows))

    def search(self, *_: object, **__: object) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((1, len(self.rows)), dtype=np.float32), self.rows[None]


def test_measured_recall_is_below_one_where_the_graph_is_poor(
    graph: ItemIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "_graph", Answering(range(20)))
    assert graph.measure_recall(np.ones((1, 16), dtype=np.float32), 20) < 0.5


def test_the_exact_search_answers_where_the_graph_comes_back_short(
    graph: ItemIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = np.random.default_rng(10).normal(size=(1, 16)).astype(np.float32)
    everything = np.ones(2_000, dtype=bool)
    assert graph.search(query, Condition(), 3_000)[0].rows.tolist() == (
        reference(graph._all.vectors, query[0], everything, 3_000).tolist()
    )
    assert graph.search(query, Condition(), 5, np.arange(1_997))[0].eligible == 3

    monkeypatch.setattr(graph, "_graph", Answering([17] + [-1] * 19))
    found = graph.search(query, Condition(), 20)[0].rows
    assert found.tolist() == reference(graph._all.vectors, query[0], everything, 20).tolist()


def test_a_condition_is_searched_exactly_beside_a_graph(graph: ItemIndex) -> None:
    query = np.random.default_rng(11).normal(size=(1, 16)).astype(np.float32)
    condition = graph.catalogue.condition({"genre": {"any": ["g3", "g4"]}})
    expected = reference(graph._all.vectors, query[0], graph.catalogue.satisfying(condition), 30)
    assert graph.search(query, condition, 30)[0].rows.tolist() == expected.tolist()
