import numpy as np
import polars as pl
import pytest

from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex, Question

NUM_ITEMS = 4_000


def reference(vectors: np.ndarray, query: np.ndarray, allowed: np.ndarray, top_k: int) -> np.ndarray:
    scores = (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))][:top_k]


@pytest.fixture(scope="module")
def world() -> tuple[Catalogue, np.ndarray]:
    """Items round 40 centres; a genre of a half, one of a tenth, and a language for a compound condition."""
    rng = np.random.default_rng(5)
    genres = [["half"] if row % 2 else ["rest", "tenth"] if row % 20 == 0 else ["rest"] for row in range(NUM_ITEMS)]
    columns = {
        "item_id": [str(row) for row in range(NUM_ITEMS)],
        "genre": genres,
        "language": [[f"l{rng.integers(0, 3)}"] for _ in range(NUM_ITEMS)],
    }
    centres = rng.normal(size=(40, 16))
    vectors = centres[rng.integers(0, 40, NUM_ITEMS)] + 0.3 * rng.normal(size=(NUM_ITEMS, 16))
    return Catalogue(pl.DataFrame(columns)), vectors.astype(np.float32)


@pytest.fixture(scope="module")
def clustered(world: tuple[Catalogue, np.ndarray]) -> ItemIndex:
    return ItemIndex(*world, exact_up_to=NUM_ITEMS - 1, probed_above=300, probed_rows=500)


WHERES = [
    {},
    {"genre": {"any": ["half"]}},
    {"genre": {"any": ["half", "rest"]}},
    {"genre": {"all": ["rest", "tenth"]}},
    {"genre": {"all": ["half"]}, "language": {"any": ["l0"]}},
    {"genre": {"all": ["half"]}, "language": {"none": ["l0"]}},
    {"language": {"none": ["l1"]}},
]


@pytest.mark.parametrize("where", WHERES)
def test_every_list_is_full_compliant_and_truly_scored(clustered: ItemIndex, where: dict) -> None:
    catalogue, rng = clustered.catalogue, np.random.default_rng(6)
    condition = catalogue.condition(where)
    allowed = np.array([catalogue.satisfying(condition, np.array([row]))[0] for row in range(NUM_ITEMS)])
    excluded = np.unique(rng.integers(0, NUM_ITEMS, 700))
    allowed[excluded] = False
    queries = rng.normal(size=(6, 16)).astype(np.float32)
    # Asked twice: what is remembered of a condition must not change its answer.
    for _ in range(2):
        for top_k in (1, 50, 600, NUM_ITEMS):
            for query, result in zip(queries, clustered.search(queries, condition, top_k, excluded), strict=True):
                assert result.eligible == allowed.sum()
                assert len(set(result.rows.tolist())) == len(result.rows) == min(top_k, result.eligible)
                assert allowed[result.rows].all()
                scored = np.zeros(NUM_ITEMS, dtype=bool)
                scored[result.rows] = True
                expected = reference(clustered._all.vectors, query, scored, top_k)
                assert result.rows.tolist() == expected.tolist()
                true = clustered._all.vectors[expected].astype(np.float64) @ query.astype(np.float64)
                np.testing.assert_allclose(result.scores, true, rtol=3e-7, atol=1e-6)


def test_what_the_clusters_miss_is_measured(clustered: ItemIndex, world: tuple[Catalogue, np.ndarray]) -> None:
    queries = world[1][::100] + np.float32(0.01)
    half = clustered.catalogue.condition({"genre": {"any": ["half"]}})
    assert clustered.recall is not None
    assert clustered.recall > 0.95
    assert clustered.measure_recall(queries, 20) > 0.95
    assert clustered.measure_recall(queries, 20, half) > 0.95
    poor = ItemIndex(*world, arrays=clustered.arrays(), probed_above=300, probed_rows=1)
    assert poor.measure_recall(queries, 100) < clustered.measure_recall(queries, 100) - 0.02


def test_blocks_within_the_limit_are_exact_beside_clusters(clustered: ItemIndex) -> None:
    query = np.random.default_rng(11).normal(size=16).astype(np.float32)
    tenth = clustered.catalogue.condition({"genre": {"all": ["tenth"]}})
    expected = reference(clustered._all.vectors, query, clustered.catalogue.satisfying(tenth), 30)
    found = clustered.search_many([Question(query, tenth, 30), Question(query, Condition(), NUM_ITEMS)])
    assert found[0].rows.tolist() == expected.tolist()
    # Whoever asks for everything gets everything, whichever way it goes.
    everything = reference(clustered._all.vectors, query, np.ones(NUM_ITEMS, dtype=bool), NUM_ITEMS)
    assert found[1].rows.tolist() == everything.tolist()


def test_an_index_over_another_ones_arrays_answers_the_same(
    clustered: ItemIndex, world: tuple[Catalogue, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("expected nothing to be clustered again")

    arrays = clustered.arrays()
    for array in arrays.values():
        array.flags.writeable = False
    monkeypatch.setattr("model.item_index.Clusters.fit", refuse)
    again = ItemIndex(*world, arrays=arrays, probed_above=300, probed_rows=500)
    assert again.recall == clustered.recall
    queries = np.random.default_rng(12).normal(size=(3, 16)).astype(np.float32)
    for where in WHERES:
        condition = clustered.catalogue.condition(where)
        for a, b in zip(again.search(queries, condition, 40), clustered.search(queries, condition, 40), strict=True):
            assert a.rows.tolist() == b.rows.tolist()
            assert a.scores.tolist() == b.scores.tolist()
