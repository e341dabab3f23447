from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from model import products
from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex, Question
from model.products import PRODUCT_QUESTIONS

NUM_ITEMS = 1_500
NO_ROWS = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def index() -> ItemIndex:
    rng = np.random.default_rng(1)
    genres = [f"g{number}" for number in range(8)]
    columns = {
        "item_id": [str(row) for row in range(NUM_ITEMS)],
        "genre": [rng.choice(genres, rng.integers(1, 3), replace=False).tolist() for _ in range(NUM_ITEMS)],
        "language": [[f"l{rng.integers(0, 3)}"] for _ in range(NUM_ITEMS)],
    }
    vectors = rng.normal(size=(NUM_ITEMS, 24))
    # Some items are copies of others: their scores tie.
    vectors[1_000:] = vectors[: NUM_ITEMS - 1_000]
    return ItemIndex(Catalogue(pl.DataFrame(columns)), vectors.astype(np.float32))


@pytest.fixture(scope="module")
def conditions(index: ItemIndex) -> list[Condition]:
    wheres = [
        {},
        {"genre": {"any": ["g0"]}},
        {"genre": {"any": ["g1", "g2"]}},
        {"genre": {"all": ["g3", "g4"]}},
        {"genre": {"any": ["g5"]}, "language": {"none": ["l0"]}},
        {"language": {"none": ["l1"]}},
    ]
    return [index.catalogue.condition(where) for where in wheres]


def expect(index: ItemIndex, question: Question) -> tuple[list[int], int]:
    vectors, query = index._all.vectors.astype(np.float64), question.query.astype(np.float64)
    scores = (vectors * query).sum(axis=1).astype(np.float32)
    allowed = index.catalogue.satisfying(question.condition).copy()
    allowed[question.excluded] = False
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))][: question.top_k].tolist(), int(allowed.sum())


def test_mixed_questions_of_several_users_equal_brute_force(index: ItemIndex, conditions: list[Condition]) -> None:
    rng = np.random.default_rng(2)
    for round_ in range(30):
        questions = []
        for _ in range(rng.integers(1, 9)):
            # One array for all questions of a user, another for the next, none for some.
            excluded = np.unique(rng.integers(0, NUM_ITEMS, rng.choice([0, 5, 200, 3 * NUM_ITEMS])))
            for number in rng.integers(0, len(conditions), 4):
                query, top_k = rng.normal(size=24).astype(np.float32), int(rng.choice([1, 10, 50, 2_000]))
                questions.append(Question(query, conditions[number], top_k, excluded))
        for question, result in zip(questions, index.search_many(questions), strict=True):
            rows, eligible = expect(index, question)
            assert result.rows.tolist() == rows, round_
            assert result.eligible == eligible
            assert result.rows.dtype == np.int64
            assert result.scores.dtype == np.float32


def test_one_product_for_many_answers_as_one_by_one(index: ItemIndex, conditions: list[Condition]) -> None:
    rng = np.random.default_rng(3)
    many = PRODUCT_QUESTIONS + 5
    for condition in conditions:
        questions = [Question(rng.normal(size=24).astype(np.float32), condition, 20) for _ in range(many)]
        for question, together in zip(questions, index.search_many(questions), strict=True):
            alone = index.search_many([question])[0]
            assert together.rows.tolist() == alone.rows.tolist()
            assert together.scores.tolist() == alone.scores.tolist()


@pytest.mark.parametrize("multiplications", [1, 3 * 24 * 100])
def test_columns_are_multiplied_piece_by_piece(
    index: ItemIndex, conditions: list[Condition], multiplications: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "SMALL_PRODUCT", multiplications)
    queries = np.random.default_rng(5).normal(size=(3, 24)).astype(np.float32)
    for condition in conditions:
        questions = [Question(query, condition, 20, NO_ROWS) for query in queries]
        for _ in range(3):  # kept from the second or third time on
            found = [result.rows.tolist() for result in index.search_many(questions)]
        assert found == [expect(index, question)[0] for question in questions]
        assert index._plans.of(condition).parts[0].columns is not None


def test_no_columns_are_kept_that_others_would_have_to_go_for(index: ItemIndex) -> None:
    everything = index._all.vectors.nbytes
    for cache_bytes, kept in ((3 * everything, False), (5 * everything, True)):
        other = ItemIndex(index.catalogue, index._all.vectors, cache_bytes=cache_bytes)
        for _ in range(3):
            plan = other._plans.of(Condition())
        assert (plan.parts[0].columns is not None) == kept
        assert plan.owned_bytes == other._plans.owned_bytes <= cache_bytes


def test_no_question_has_no_answer(index: ItemIndex) -> None:
    assert index.search_many([]) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 0}, "top_k of at least 1"),
        ({"query": np.ones(3, dtype=np.float32)}, r"shape \[24\]"),
        ({"query": np.full(24, np.nan, dtype=np.float32)}, "finite queries"),
        ({"excluded": np.array([3, NUM_ITEMS])}, "excluded rows in"),
        ({"excluded": np.array([-1, 3])}, "excluded rows in"),
        ({"condition": Condition.of(99)}, "value ids in"),
    ],
)
def test_one_wrong_question_is_a_value_error(index: ItemIndex, change: dict, message: str) -> None:
    right = {"query": np.ones(24, dtype=np.float32), "condition": Condition(), "top_k": 3, "excluded": NO_ROWS}
    with pytest.raises(ValueError, match=message):
        index.search_many([Question(**right), Question(**(right | change))])


def test_satisfied_says_what_the_catalogue_says(index: ItemIndex, conditions: list[Condition]) -> None:
    for condition in conditions * 2:
        satisfied = index.satisfied(condition)
        assert satisfied is not None
        assert satisfied.tolist() == index.catalogue.satisfying(condition).tolist()
        assert index.satisfied(condition) is index.satisfied(condition)
        with pytest.raises(ValueError, match="read-only"):
            satisfied[0] = True


def test_a_bitmap_too_large_to_keep_is_not_given_and_not_needed(index: ItemIndex, conditions: list[Condition]) -> None:
    frugal = ItemIndex(index.catalogue, index._all.vectors, cache_bytes=60 * NUM_ITEMS)
    rng = np.random.default_rng(4)
    for condition in conditions:
        assert frugal.satisfied(condition) is None
        excluded = np.unique(rng.integers(0, NUM_ITEMS, 300))
        question = Question(rng.normal(size=24).astype(np.float32), condition, 30, excluded)
        result = frugal.search_many([question])[0]
        assert (result.rows.tolist(), result.eligible) == expect(index, question)


def test_memory_mapped_vectors_and_slabs_are_used_where_they_lie(index: ItemIndex, tmp_path: Path) -> None:
    mapped = {}
    for name, array in index.arrays().items():
        array.tofile(tmp_path / name)
        mapped[name] = np.memmap(tmp_path / name, dtype=array.dtype, mode="r", shape=array.shape)
    index._all.vectors.tofile(tmp_path / "all")
    vectors = np.memmap(tmp_path / "all", dtype=np.float32, mode="r", shape=index._all.vectors.shape)
    other = ItemIndex(index.catalogue, vectors, arrays=mapped)
    assert np.shares_memory(other._all.vectors, vectors)
    assert np.shares_memory(other.arrays()["vectors"], mapped["vectors"])
    save_file(other.arrays(), tmp_path / "slabs.safetensors")
    genre = index.catalogue.condition({"genre": {"any": ["g6"]}})
    question = Question(np.ones(24, dtype=np.float32), genre, 12)
    assert other.search_many([question])[0].rows.tolist() == index.search_many([question])[0].rows.tolist()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ends", lambda array: array[:-1], "slab ends"),
        ("rows", lambda array: array[:-1], "as many rows"),
        ("vectors", lambda array: array[:, :-1], "slab vectors of shape"),
        ("vectors", lambda array: array.astype(np.float64), "float32 slab vectors"),
    ],
)
def test_arrays_of_another_catalogue_are_refused(index: ItemIndex, name: str, change, message: str) -> None:
    arrays = index.arrays()
    with pytest.raises(ValueError, match=message):
        ItemIndex(index.catalogue, index._all.vectors, arrays=arrays | {name: change(arrays[name])})
