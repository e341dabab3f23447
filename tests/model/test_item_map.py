import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.item_map import _Grid, _principal, lay_out


def clustered(count, seed=0):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((12, 16))
    kind = random.integers(len(centres), size=count)
    return centres[kind] + 0.2 * random.standard_normal((count, 16)), kind


def same_kind_share(places, kind, k=5):
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :k]
    return (kind[near] == kind[:, None]).mean()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 150), st.integers(0, 5))
def test_every_item_has_a_place_of_its_own_and_no_part_is_left_empty(count, seed):
    vectors = np.random.default_rng(seed).standard_normal((count, 6))
    found = lay_out(vectors, np.arange(count))
    assert len(np.unique(found.places.round(9), axis=0)) == count
    assert ((found.places > 0) & (found.places < 1)).all()
    # A grid with fewer cells than items along each axis has an item in each of them.
    cells = max(1, int(np.sqrt(count)) - 1)
    assert len(np.unique((found.places * cells).astype(int) @ [cells, 1])) == cells**2


def test_alike_lies_near_and_nearer_than_by_axes_alone():
    vectors, kind = clustered(600)
    found = lay_out(vectors, np.arange(600))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    by_axes = _Grid.of(_principal(unit)).places()
    assert same_kind_share(found.places, kind) > 0.75
    assert same_kind_share(found.places, kind) > same_kind_share(by_axes, kind) + 0.05


def test_the_same_items_have_the_same_map_and_version():
    vectors, _ = clustered(200)
    one, again, other = (lay_out(array, np.arange(200)) for array in (vectors, vectors.copy(), vectors * 1.01))
    np.testing.assert_array_equal(one.places, again.places)
    assert one.version == again.version != other.version


def test_nearest():
    vectors, _ = clustered(100)
    found = lay_out(vectors, np.arange(100)[::-1])
    entries, distances = found.nearest((0.3, 0.6), 7)
    expected = np.linalg.norm(found.places - [0.3, 0.6], axis=1)
    np.testing.assert_allclose(distances, np.sort(expected)[:7])
    np.testing.assert_allclose(expected[entries], distances)
    assert len(found.nearest((0.5, 0.5), 500)[0]) == 100


def test_items_without_direction_and_one_dimension_are_laid_out():
    assert len(lay_out(np.zeros((10, 4)), np.arange(10)).places) == 10
    assert len(lay_out(np.arange(10.0)[:, None], np.arange(10)).places) == 10


def test_rows_must_fit():
    with pytest.raises(ValueError, match="as many vectors as rows"):
        lay_out(np.zeros((3, 2)), np.arange(2))
    with pytest.raises(ValueError, match="at least one"):
        lay_out(np.zeros((0, 2)), np.arange(0))
