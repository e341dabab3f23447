import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.Image import fromarray

from model.artwork.fingerprint import MAX_DISTANCE, MIN_COSINE, distances, fingerprint, same_covers
from tests.model.artwork.libraries import unit


def pixels(seed, size=90):
    """Coarse patches, as a picture has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3))
    return np.kron(coarse, np.ones((size // 9, size // 9, 1))).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_another_size_and_compression_leave_it_nearly_the_same(seed):
    original = fromarray(pixels(seed, 180))
    out = io.BytesIO()
    original.resize((120, 120)).save(out, "JPEG", quality=60)
    copy = np.asarray(fromarray(np.asarray(original)).resize((120, 120)))
    same = np.array([fingerprint(np.asarray(original))], dtype=np.uint64)
    assert distances(same, fingerprint(copy))[0] <= MAX_DISTANCE
    assert distances(same, fingerprint(pixels(seed + 100)))[0] > 10


def test_bits_say_which_cell_is_darker_than_its_right_neighbour():
    rising = np.tile(np.arange(90, dtype=np.uint8)[None, :, None], (80, 1, 3))
    assert fingerprint(rising) == 2**64 - 1
    assert fingerprint(rising[:, ::-1]) == 0
    with pytest.raises(ValueError, match="9 x 8"):
        fingerprint(rising[:7])


def by_definition(fingerprints, vectors):
    """Connected components of the pairs that are near in both ways, each named by its first row."""
    near = np.bitwise_count(fingerprints[:, None] ^ fingerprints[None]) <= MAX_DISTANCE
    near &= vectors @ vectors.T >= MIN_COSINE
    first = np.arange(len(fingerprints))
    while True:
        again = np.array([first[row].min() for row in near])
        if (again == first).all():
            return first
        first = again


@given(
    seed=st.integers(0, 10**6),
    flips=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(0, 6)), max_size=10),
)
@settings(max_examples=200, deadline=None)
def test_same_covers_are_the_components_of_near_pairs(seed, flips):
    rng = np.random.default_rng(seed)
    fingerprints = rng.integers(0, 2**63, 12).astype(np.uint64)
    vectors = unit(rng.normal(size=(12, 4)))
    for one, other, bits in flips:
        fingerprints[other] = fingerprints[one] ^ np.uint64((1 << bits) - 1)
        if bits != 2:
            vectors[other] = unit(vectors[one] + rng.normal(0, 0.05, 4))
    assert same_covers(fingerprints, vectors).tolist() == by_definition(fingerprints, vectors).tolist()


def test_no_covers_are_no_groups():
    assert same_covers(np.empty(0, np.uint64), np.empty((0, 4), np.float32)).tolist() == []
