import numpy as np
import pytest

from loadtest.artwork.asking import _timing, quantiles
from loadtest.artwork.library import SIMULATED, make_library
from model.artwork.inference import ArtworkRelease
from model.release import current_release
from tests.service.artwork.tiny import write_tiny_root


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    small, large = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")
    write_tiny_root(small)
    return small, large, make_library(small, large, 500, exact_up_to=200)


def test_a_large_library_has_the_networks_and_regions_of_the_small_one(roots):
    small, large, made = roots
    before, after = (ArtworkRelease.load(current_release(root)) for root in (small, large))
    assert (after.release_id, len(after.library), after.identity) == (made.release_id, 500, before.identity)
    assert (large / "matchers" / after.matcher[0]).is_dir()
    np.testing.assert_array_equal(after.library.prepared(24 + 3)["regions"], before.library.prepared(3)["regions"])
    assert after.library.cover(27).attributes == before.library.cover(3).attributes


def test_it_says_that_it_is_synthetic_and_what_clusters_miss(roots):
    facts = ArtworkRelease.load(current_release(roots[1])).release.manifest["facts"]
    assert facts["simulated"] == SIMULATED
    assert facts["index"]["kind"] == "clusters"
    assert 0 < facts["index"]["recall_of_sentences"] <= 1


def test_vectors_are_around_those_of_real_covers_and_no_two_alike(roots):
    before, after = (ArtworkRelease.load(current_release(root)).library.base.vectors for root in roots[:2])
    cosines = np.einsum("nd,nd->n", after[:24], before)
    assert 0.6 < cosines.mean() < 0.97
    assert len(np.unique(after, axis=0)) == 500


def test_times_are_read_from_the_header_and_summed_up():
    assert dict(_timing("encode;dur=1.500, total;dur=2.000")) == {"encode": 1.5, "total": 2.0}
    assert quantiles(list(range(101))) == {"p50": 50.0, "p90": 90.0, "p99": 99.0, "mean": 50.0}
