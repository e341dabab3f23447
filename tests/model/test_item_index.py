from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from model import item_index, shortlist
from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex


def make_catalogue(values_of: dict[str, list[list[str]]]) -> Catalogue:
    num_items = len(next(iter(values_of.values())))
    columns = {"item_id": [f"item-{row}" for row in range(num_items)], **values_of}
    schema = {"item_id": pl.String} | {name: pl.List(pl.String) for name in values_of}
    return Catalogue(pl.DataFrame(columns, schema=schema))


def reference(world_vectors: np.ndarray, query: np.ndarray, allowed: np.ndarray, top_k: int) -> np.ndarray:
    scores = (world_vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))][:top_k]


@pytest.fixture(scope="module")
def crowded() -> tuple[Catalogue, np.ndarray, list[set[str]]]:
    """Vectors so close together that a float32 product misorders them."""
    rng = np.random.default_rng(7)
    genres = [f"g{number}" for number in range(12)]
    cells = [rng.choice(genres, rng.integers(1, 4), replace=False).tolist() for _ in range(3_000)]
    words = [[f"l{rng.integers(0, 3)}"] for _ in cells]
    vectors = (rng.normal(size=(1, 48)) + 3e-7 * rng.normal(size=(3_000, 48))).astype(np.float32)
    return (
        make_catalogue({"genre": cells, "language": words}),
        vectors,
        [set(a + b) for a, b in zip(cells, words, strict=True)],
    )


def any_genre(values: set[str]) -> bool:
    return bool(values & {"g1", "g2", "g3"})


@pytest.mark.parametrize(
    ("where", "satisfied"),
    [
        ({}, lambda _: True),
        ({"genre": {"any": ["g4"]}}, lambda values: "g4" in values),
        ({"genre": {"any": ["g1", "g2", "g3"]}}, any_genre),
        ({"genre": {"all": ["g1", "g2"]}}, lambda values: {"g1", "g2"} <= values),
        (
            {"genre": {"any": ["g1", "g2", "g3"]}, "language": {"none": ["l0"]}},
            lambda v: any_genre(v) and "l0" not in v,
        ),
        ({"genre": {"none": ["g5"]}}, lambda values: "g5" not in values),
        ({"genre": {"any": [f"g{number}" for number in range(11)]}}, lambda values: values - {"g11", "l0", "l1", "l2"}),
    ],
)
def test_rounding_never_changes_the_order(
    crowded: tuple[Catalogue, np.ndarray, list[set[str]]],
    where: dict,
    satisfied: Callable[[set[str]], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue, vectors, values_of = crowded
    rng = np.random.default_rng(8)
    queries = rng.normal(size=(5, 48)).astype(np.float32)
    excluded = rng.integers(0, 3_000, 400)
    allowed = np.array([bool(satisfied(values)) for values in values_of])
    allowed[excluded] = False
    expected = [reference(vectors, query, allowed, 40) for query in queries]
    naive = [np.flatnonzero(allowed)[np.argsort(-(vectors[allowed] @ query), kind="stable")[:40]] for query in queries]
    assert any(a.tolist() != b.tolist() for a, b in zip(naive, expected, strict=True)), "the case is not hard enough"

    index = ItemIndex(catalogue, vectors)
    condition = catalogue.condition(where)
    found = index.search(queries, condition, 40, excluded)
    # Small pieces: the same answer when the queries and the candidates no longer fit into one product.
    monkeypatch.setattr(item_index, "MAX_SCORES", 4_000)
    monkeypatch.setattr(shortlist, "RESCORE_ROWS", 7)
    pieces = index.search(queries, condition, 40, excluded)
    for result, again, rows in zip(found, pieces, expected, strict=True):
        assert result.rows.tolist() == rows.tolist() == again.rows.tolist()
        assert result.eligible == allowed.sum() == again.eligible


def small(num_items: int = 6, width: int = 2) -> ItemIndex:
    catalogue = make_catalogue({"genre": [["rock"] if row % 2 else ["pop", "folk"] for row in range(num_items)]})
    return ItemIndex(catalogue, np.arange(num_items * width, dtype=np.float32).reshape(num_items, width))


def test_ties_rank_by_the_lower_row() -> None:
    catalogue = make_catalogue({"genre": [["rock"], ["pop"], ["rock"], ["rock"]]})
    index = ItemIndex(catalogue, np.ones((4, 3), dtype=np.float32))
    query = np.ones((1, 3), dtype=np.float32)
    assert index.search(query, Condition(), 3)[0].rows.tolist() == [0, 1, 2]
    assert index.search(query, catalogue.condition({"genre": {"any": ["rock"]}}), 2)[0].rows.tolist() == [0, 2]


def test_empty_eligibility_is_an_empty_answer() -> None:
    index = small()
    folk_and_rock = index.catalogue.condition({"genre": {"all": ["folk", "rock"]}})
    everything = np.arange(6)
    for condition, excluded in ((folk_and_rock, everything[:0]), (Condition(), everything)):
        result = index.search(np.ones((1, 2), dtype=np.float32), condition, 3, excluded)[0]
        assert result.rows.tolist() == []
        assert result.scores.tolist() == []
        assert result.eligible == 0
    assert index.count(folk_and_rock) == 0


def test_no_items_and_no_queries() -> None:
    empty = ItemIndex(make_catalogue({"genre": []}), np.zeros((0, 4), dtype=np.float32))
    assert empty.search(np.ones((1, 4), dtype=np.float32), Condition(), 5)[0].eligible == 0
    assert small().search(np.ones((0, 2), dtype=np.float32), Condition(), 5) == []


def test_one_item_and_top_k_beyond_the_catalogue() -> None:
    index = ItemIndex(make_catalogue({"genre": [["rock"]]}), np.ones((1, 2), dtype=np.float32))
    result = index.search(np.ones((1, 2), dtype=np.float32), Condition.of(0), 500)[0]
    assert result.rows.tolist() == [0]
    assert result.scores.tolist() == [2.0]


def test_an_item_with_two_of_the_asked_values_counts_once() -> None:
    index = small()
    condition = index.catalogue.condition({"genre": {"any": ["pop", "folk"]}})
    result = index.search(np.ones((1, 2), dtype=np.float32), condition, 10, np.array([4, 4]))[0]
    assert result.rows.tolist() == [2, 0]
    assert result.eligible == 2
    assert index.count(condition) == 3


def test_every_query_may_have_its_own_excluded_rows() -> None:
    index = small()
    queries = np.ones((2, 2), dtype=np.float32)
    first, second = index.search(queries, Condition(), 2, [np.array([5]), np.array([4, 3])])
    assert first.rows.tolist() == [4, 3]
    assert second.rows.tolist() == [5, 2]
    assert (first.eligible, second.eligible) == (5, 4)


def test_conditions_written_by_hand_mean_what_the_predicate_says() -> None:
    index = small()
    query = np.ones((1, 2), dtype=np.float32)
    # An empty group demands nothing; a value named twice is named once.
    assert index.search(query, Condition(any_of=((),)), 9)[0].eligible == 6
    assert index.search(query, Condition(any_of=((0, 0),)), 9)[0].eligible == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 0}, "top_k of at least 1"),
        ({"queries": np.ones((1, 3), dtype=np.float32)}, r"shape \[Q, 2\]"),
        ({"queries": np.ones(2, dtype=np.float32)}, r"shape \[Q, 2\]"),
        ({"queries": np.array([[np.nan, 0]], dtype=np.float32)}, "finite queries"),
        ({"queries": np.array([[np.inf, 0]], dtype=np.float32)}, "finite queries"),
        ({"queries": np.array([[3e38, 3e38]], dtype=np.float32)}, "finite queries"),
        ({"excluded": np.array([6])}, "excluded rows in 0..5"),
        ({"excluded": np.array([-1])}, "excluded rows in 0..5"),
        ({"excluded": [np.array([1]), np.array([2])]}, "each of 1 queries"),
        ({"condition": Condition.of(3)}, "value ids in 0..2"),
        ({"condition": Condition.of(-1)}, "value ids in 0..2"),
    ],
)
def test_what_a_caller_can_get_wrong_is_a_value_error(change: dict, message: str) -> None:
    valid = {"queries": np.ones((1, 2), dtype=np.float32), "condition": Condition(), "top_k": 3}
    with pytest.raises(ValueError, match=message):
        small().search(**(valid | change))


@pytest.mark.parametrize(
    ("vectors", "slabs", "message"),
    [
        (np.ones((2, 2), dtype=np.float32), None, r"shape \[1, D\]"),
        (np.ones(1, dtype=np.float32), None, r"shape \[1, D\]"),
        (np.array([[np.nan]], dtype=np.float32), None, "finite vectors"),
        (np.ones((1, 2), dtype=np.float32), ["mood"], "slab attributes among"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(vectors: np.ndarray, slabs: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemIndex(make_catalogue({"genre": [["rock"]]}), vectors, slab_attributes=slabs)


def test_the_cache_of_gathered_blocks_stays_within_its_bytes() -> None:
    rng = np.random.default_rng(3)
    catalogue = make_catalogue({"genre": [[f"g{rng.integers(0, 30)}"] for _ in range(400)]})
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    index = ItemIndex(catalogue, vectors, slab_attributes=(), cache_bytes=20_000)
    query = rng.normal(size=(1, 8)).astype(np.float32)
    for value in [*range(30), *range(30)]:
        rows = index.search(query, Condition.of(value), 5)[0].rows
        assert rows.tolist() == reference(vectors, query[0], catalogue.satisfying(Condition.of(value)), 5).tolist()
        assert sum(plan.owned_bytes for plan in index._plans._plans.values()) == index._plans.owned_bytes <= 20_000


def test_a_small_catalogue_is_searched_exactly() -> None:
    index = small()
    assert index.recall is None
    assert index.measure_recall(np.ones((1, 2), dtype=np.float32), 3) == 1.0
