from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.catalogue import Catalogue, with_items
from model.condition import Condition, ConditionError
from tests.model.climber_pilot.worlds import small_items

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["Alpha", None, "Gamma", "Delta"],
        "genre": [["rock", "indie"], ["rock"], [], None],
        "language": [["sv"], ["en"], ["en"], ["de"]],
        "explicit": [["yes"], [], [], []],
    },
    schema_overrides={"explicit": pl.List(pl.String)},
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(ITEMS)


def test_items_keep_their_rows_titles_and_attributes(catalogue: Catalogue) -> None:
    assert len(catalogue) == 4
    assert catalogue.row_of == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert catalogue.titles == ["Alpha", None, "Gamma", "Delta"]
    assert catalogue.describe(0) == {"genre": ["indie", "rock"], "language": ["sv"], "explicit": ["yes"]}
    assert catalogue.describe(3) == {"language": ["de"]}


def test_the_vocabulary_is_columns_in_order_and_values_sorted(catalogue: Catalogue) -> None:
    names = [catalogue.value_name(value) for value in range(catalogue.num_values)]
    assert names == [
        ("genre", "indie"),
        ("genre", "rock"),
        ("language", "de"),
        ("language", "en"),
        ("language", "sv"),
        ("explicit", "yes"),
    ]
    assert {name: attribute.multi_valued for name, attribute in catalogue.attributes.items()} == {
        "genre": True,
        "language": False,
        "explicit": False,
    }
    for unknown in (-1, 6):
        with pytest.raises(ValueError, match="value id below 6"):
            catalogue.value_name(unknown)


@pytest.mark.parametrize(("num_values", "num_words"), [(1, 1), (8, 1), (64, 1), (65, 2), (130, 3)])
def test_bit_sets_hold_exactly_the_values(num_values: int, num_words: int) -> None:
    rng = np.random.default_rng(num_values)
    names = [f"v{number:03d}" for number in range(num_values)]
    cells = [rng.choice(names, rng.integers(0, min(6, num_values) + 1), replace=False).tolist() for _ in range(50)]
    catalogue = Catalogue(pl.DataFrame({"item_id": [str(row) for row in range(51)], "genre": [*cells, names]}))
    assert catalogue.num_values == num_values
    assert catalogue.words.shape == (51, num_words)
    for row, cell in enumerate([*cells, names]):
        word = catalogue.words[row].view(np.uint64)
        held = {names[bit] for bit in range(num_values) if int(word[bit // 64]) >> (bit % 64) & 1}
        assert held == set(cell)
        assert {names[value] for value in catalogue.values_of(row).tolist()} == set(cell)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_satisfying_means_what_sets_mean(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([1, 8, 64, 130]))
    cells = data.draw(st.lists(st.sets(st.integers(0, size - 1), max_size=5), min_size=1, max_size=12))
    texts = [[f"v{value:03d}" for value in sorted(cell)] for cell in cells]
    items = pl.DataFrame(
        {"item_id": [str(row) for row in range(len(cells))], "genre": texts},
        schema={"item_id": pl.String, "genre": pl.List(pl.String)},
    )
    catalogue = Catalogue(items)
    present = sorted(set().union(*cells))
    if not present:
        assert catalogue.satisfying(Condition()).all()
        return
    some = st.lists(st.sampled_from(present), min_size=1, max_size=4, unique=True)
    any_of, all_of, none_of = data.draw(st.lists(some, max_size=2)), data.draw(some | st.just([])), data.draw(some)
    id_of = {value: position for position, value in enumerate(present)}
    condition = Condition.build(
        [[id_of[value] for value in group] for group in any_of],
        [id_of[value] for value in all_of],
        [id_of[value] for value in none_of],
    )
    expected = [
        all(set(group) & cell for group in any_of) and set(all_of) <= cell and not set(none_of) & cell for cell in cells
    ]
    assert catalogue.satisfying(condition).tolist() == expected
    rows = np.arange(len(cells))[::-2]
    assert catalogue.satisfying(condition, rows).tolist() == [expected[row] for row in rows]


def test_a_saved_catalogue_is_read_back_with_the_same_bits(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.save(tmp_path / "catalogue.parquet")
    loaded = Catalogue.load(tmp_path / "catalogue.parquet")
    assert loaded.items.equals(catalogue.items)
    assert loaded.attributes == catalogue.attributes
    for name in ("words", "value_ids", "value_offsets"):
        assert np.array_equal(getattr(loaded, name), getattr(catalogue, name))


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"genre": {"any": ["rock"]}}, [0, 1]),
        ({"genre": {"all": ["rock", "indie"]}}, [0]),
        ({"genre": {"any": ["rock"], "none": ["indie"]}}, [1]),
        ({"explicit": {"none": ["yes"]}, "language": {"any": ["en", "sv"]}}, [1, 2]),
        ({"language": {"any": ["en", "sv"]}, "genre": {"any": ["indie"]}}, [0]),
    ],
)
def test_the_clients_form_selects_its_items(catalogue: Catalogue, where: dict, rows: list[int]) -> None:
    assert np.flatnonzero(catalogue.satisfying(catalogue.condition(where))).tolist() == rows


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"genre": {"any": ["indie", "rock"]}},
        {"genre": {"all": ["indie", "rock"]}, "language": {"any": ["de", "en"], "none": ["de"]}},
        {"explicit": {"none": ["yes"]}},
    ],
)
def test_the_clients_form_survives_a_round_trip(catalogue: Catalogue, where: dict) -> None:
    assert catalogue.where(catalogue.condition(where)) == where


@pytest.mark.parametrize(
    ("where", "code", "path", "message"),
    [
        ({"mood": {"any": ["x"]}}, "unknown_attribute", "where.mood", "genre, language, explicit"),
        ({"title": {"any": ["Alpha"]}}, "unknown_attribute", "where.title", "'title'"),
        ({"genre": {"some": ["rock"]}}, "unknown_operator", "where.genre.some", "any, all, none"),
        ({"genre": {"any": []}}, "empty_clause", "where.genre.any", "at least one"),
        ({"genre": {"any": ["rock", "polka"]}}, "unknown_value", "where.genre.any", "'polka'"),
        ({"genre": {"any": ["Rock"]}}, "unknown_value", "where.genre.any", "'Rock'"),
        ({"genre": {"all": ["rock"], "none": ["rock"]}}, "contradictory_condition", "where", "required and refused"),
        ({"genre": {"any": ["rock"], "none": ["rock"]}}, "contradictory_condition", "where", "required and refused"),
        (
            {"genre": {"any": ["rock", "indie"], "none": ["indie", "rock"]}},
            "contradictory_condition",
            "where",
            "any-clause is refused",
        ),
        ({"language": {"all": ["en", "sv"]}}, "contradictory_condition", "where", "only one language"),
        (
            {"language": {"any": ["en", "sv"], "all": ["de"]}},
            "contradictory_condition",
            "where",
            "only one language",
        ),
    ],
)
def test_what_cannot_be_read_names_code_and_field(
    catalogue: Catalogue, where: dict, code: str, path: str, message: str
) -> None:
    with pytest.raises(ConditionError, match=message) as caught:
        catalogue.condition(where)
    assert (caught.value.code, caught.value.path) == (code, path)


def test_the_path_of_an_error_starts_where_the_caller_says(catalogue: Catalogue) -> None:
    with pytest.raises(ConditionError) as caught:
        catalogue.condition({"genre": {"any": ["polka"]}}, "instructions.3.where")
    assert caught.value.path == "instructions.3.where.genre.any"


def test_a_multi_valued_attribute_may_ask_for_two_values(catalogue: Catalogue) -> None:
    assert catalogue.condition({"genre": {"all": ["rock", "indie"]}})
    # Nothing has both, but an item could: an empty answer, no error.
    both = catalogue.condition({"genre": {"all": ["indie"]}, "language": {"all": ["de"]}})
    assert not catalogue.satisfying(both).any()


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (pl.DataFrame({"name": ["a"]}), "column item_id"),
        (pl.DataFrame({"item_id": [1, 2]}), "column item_id of strings"),
        (pl.DataFrame({"item_id": ["a", "a"]}), "unique, non-null"),
        (pl.DataFrame({"item_id": ["a", None]}), "unique, non-null"),
        (pl.DataFrame({"item_id": ["a"], "genre": ["rock"]}), "attribute genre as a list"),
        (pl.DataFrame({"item_id": ["a"], "year": [[1999]]}), "attribute year as a list"),
    ],
)
def test_a_table_of_another_shape_is_refused(items: pl.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Catalogue(items)


@pytest.mark.parametrize("cells", [[], [[]], [None], [["a", None, "a"]]])
def test_missing_and_repeated_values_are_no_values(cells: list) -> None:
    schema = {"item_id": pl.String, "genre": pl.List(pl.String)}
    items = pl.DataFrame({"item_id": [str(row) for row in range(len(cells))], "genre": cells}, schema=schema)
    catalogue = Catalogue(items)
    assert catalogue.num_values == (1 if cells and cells[0] else 0)
    assert not catalogue.attributes["genre"].multi_valued
    assert catalogue.satisfying(Condition()).tolist() == [True] * len(cells)


def test_items_without_attributes_satisfy_only_the_empty_condition() -> None:
    catalogue = Catalogue(pl.DataFrame({"item_id": ["a", "b"]}))
    assert catalogue.words.tolist() == [[0], [0]]
    assert catalogue.describe(1) == {}
    assert catalogue.satisfying(Condition()).all()


def test_items_are_replaced_in_their_rows_and_new_ones_come_last():
    items = small_items(5)
    changed = pl.concat([small_items(8)[6:], items[2].with_columns(genre=pl.Series([["polka"]]))])
    table = with_items(items, changed)
    assert table["item_id"].to_list() == [f"track-{i}" for i in (0, 1, 2, 3, 4, 6, 7)]
    assert table[2, "genre"].to_list() == ["polka"]
    assert table[[0, 1, 3, 4]].equals(items[[0, 1, 3, 4]])
    assert with_items(items, items[:0]).equals(items)
