import numpy as np
import polars as pl
import pytest

from model.catalogue import Catalogue
from model.clusters import Clusters
from model.condition import Condition
from model.slabs import MAX_SLICES, Block, Slabs, affordable_attributes


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(
        pl.DataFrame(
            {
                "item_id": ["a", "b", "c", "d"],
                "genre": [["rock", "pop"], ["pop"], ["rock"], ["jazz"]],
                "artist": [["w"], ["x"], ["y"], ["z"]],
                "mood": [["m1", "m2", "m3", "m4"]] * 4,
            }
        )
    )


def whole(catalogue: Catalogue) -> Block:
    vectors = np.arange(2 * len(catalogue), dtype=np.float32).reshape(-1, 2)
    return Block(np.arange(len(catalogue)), vectors)


def value(catalogue: Catalogue, name: str, text: str) -> int:
    found = catalogue.attributes[name].value_id(text)
    assert found is not None
    return found


def test_a_slab_holds_the_items_of_its_value_with_their_vectors(catalogue: Catalogue) -> None:
    slabs = Slabs.build(catalogue, whole(catalogue), ["genre"])
    for text, rows in {"rock": [0, 2], "pop": [0, 1], "jazz": [3]}.items():
        slab = slabs.of(value(catalogue, "genre", text))
        assert slab is not None
        assert slab.rows.tolist() == rows
        assert slab.vectors.tolist() == whole(catalogue).vectors[rows].tolist()
        assert slab.vectors.flags.c_contiguous
    assert slabs.of(value(catalogue, "artist", "x")) is None


def test_attributes_of_the_fewest_values_are_taken_while_affordable(catalogue: Catalogue) -> None:
    # genre 5 pairs, artist 4, mood 16: the budget is 4 vectors for each of the 4 items.
    assert affordable_attributes(catalogue) == ("genre", "artist")


def test_only_a_union_of_slabs_is_served_as_one(catalogue: Catalogue) -> None:
    slabs = Slabs.build(catalogue, whole(catalogue), ["genre"])
    rock, pop, jazz = (value(catalogue, "genre", text) for text in ("rock", "pop", "jazz"))
    assert [block.rows.tolist() for block in slabs.union_of(Condition.of(rock))] == [[0, 2]]
    assert len(slabs.union_of(Condition.build(any_of=[[pop, jazz]]))) == 2
    for other in (
        Condition(),
        Condition.build(all_of=[rock, pop]),
        Condition.build(all_of=[rock], none_of=[pop]),
        Condition.build(any_of=[[rock, pop], [pop, jazz]]),
        Condition.build(any_of=[[rock, value(catalogue, "artist", "x")]]),
        # Five vectors in three slabs are more than the four of the catalogue.
        Condition.build(any_of=[[rock, pop, jazz]]),
        Condition(any_of=(tuple([jazz] * (MAX_SLICES + 1)),)),
    ):
        assert slabs.union_of(other) == ()


def test_the_superset_is_the_smallest_slab_that_must_hold_every_item(catalogue: Catalogue) -> None:
    slabs = Slabs.build(catalogue, whole(catalogue), ["genre"])
    rock, jazz = value(catalogue, "genre", "rock"), value(catalogue, "genre", "jazz")
    assert slabs.superset_of(Condition.build(all_of=[rock, jazz])).rows.tolist() == [3]
    assert slabs.superset_of(Condition.build(any_of=[[rock, jazz]])).rows.tolist() == [0, 1, 2, 3]
    assert slabs.superset_of(Condition.build(none_of=[rock])).rows.tolist() == [0, 1, 2, 3]


def test_with_clusters_a_slab_stands_in_their_order_and_the_whole_has_one(catalogue: Catalogue) -> None:
    clusters = Clusters(np.zeros((2, 2), dtype=np.float32), np.array([1, 0, 0, 1], dtype=np.int32))
    slabs = Slabs.build(catalogue, whole(catalogue), ["genre"], clusters)
    rock = slabs.of(value(catalogue, "genre", "rock"))
    assert rock is not None
    assert rock.rows.tolist() == [2, 0]
    assert slabs.whole.rows.tolist() == [1, 2, 0, 3]
    assert slabs.whole.vectors.tolist() == whole(catalogue).vectors[[1, 2, 0, 3]].tolist()
    assert clusters.ends(slabs.whole.rows).tolist() == [0, 2, 4]
    assert clusters.sizes(rock.rows).tolist() == [1, 1]


def test_slabs_over_their_own_arrays_copy_nothing(catalogue: Catalogue) -> None:
    slabs = Slabs.build(catalogue, whole(catalogue), ["genre"])
    again = Slabs.from_arrays(catalogue, whole(catalogue), slabs.arrays())
    jazz = value(catalogue, "genre", "jazz")
    first, second = slabs.of(jazz), again.of(jazz)
    assert first is not None
    assert second is not None
    assert second.rows.tolist() == [3]
    assert np.shares_memory(first.vectors, second.vectors)
