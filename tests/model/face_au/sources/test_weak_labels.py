import numpy as np
import pytest

from model.face_au.action_units import FROM_68
from model.face_au.data import labelled, load_parts, load_weak, revision_of
from model.face_au.sources.weak_labels import load_weak_labels, read_column
from tests.model.face_au.faces import AUS, write_weak_set


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_weak_set(tmp_path_factory.mktemp("weak"))


def test_images_without_derived_rows_are_kept_without_labels(root) -> None:
    frames = load_weak_labels(root / "fer2013", AUS)
    assert len(frames) == 60
    unknown = np.isnan(frames.labels).all(axis=1)
    assert unknown.sum() == 3
    assert np.array_equal(unknown, np.isnan(frames.landmarks).all(axis=(1, 2)))
    assert len(labelled(frames)) == 57


def test_landmarks_are_shares_of_the_image(root) -> None:
    frames = load_weak_labels(root / "utkface", AUS)
    file = frames.paths[10].name
    wanted = [
        [float(read_column(root / "utkface", "landmarks68_derived.csv", f"{axis}{i}")[file]) / 48 for axis in "xy"]
        for i in FROM_68
    ]
    np.testing.assert_allclose(frames.landmarks[10], wanted, rtol=1e-5)


def test_parts_are_drawn_by_image_and_have_a_fingerprint(root) -> None:
    parts = load_parts("weak", root, AUS)
    sizes = [len(part) for part in (parts.train, parts.validation, parts.test)]
    assert sum(sizes) == 114
    assert min(sizes) > 5
    assert revision_of(parts) == revision_of(load_parts("weak", root, AUS))
    assert revision_of(parts) != revision_of(load_parts("weak", root, AUS[:3]))
    assert len(load_weak(root, AUS)) == 120


def test_what_is_missing_is_named(root, tmp_path) -> None:
    with pytest.raises(ValueError, match="AU04"):
        load_parts("weak", root, ("AU04",))
    with pytest.raises(ValueError, match="expected the files of weak"):
        load_parts("weak", tmp_path, AUS)
    with pytest.raises(ValueError, match="expected a set of"):
        load_parts("strong", root, AUS)
