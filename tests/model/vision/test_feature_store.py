import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from model.vision.feature_store import FeatureStore, feature_spaces
from model.vision.features import FeatureSpaceError, ImageFeatures
from model.vision.regions import Regions
from model.vision.relations import Relations
from model.vision.segmentation import NO_CLASS, SegmentMap
from model.vision.text import TextLine

SPACE = "tiny-r36/v1"
HASHES = {"regions": "5a" * 32}
PARTS = {"regions": "tiny-r36", "labels": "coco80"}
NAME = "0f" * 32


def full_features(sha256: str = NAME) -> ImageFeatures:
    """Something of everything."""
    rng = np.random.default_rng(3)
    corners = rng.random((36, 2, 2), np.float32)
    regions = Regions(
        boxes=np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1),
        features=rng.random((36, 8), np.float32),
        labels=tuple(f"thing {row}" for row in range(36)),
        scores=rng.random(36, np.float32),
        sources=("detector",) * 30 + ("grid",) * 6,
        attributes=tuple("red" for _ in range(36)),
    )
    segments = SegmentMap(
        rng.random((133, 7, 7), np.float32),
        np.full((64, 64), NO_CLASS, np.int16),
        (rng.random(133) > 0.5).astype(np.float32),
        has_stuff=True,
    )
    relations = Relations(np.array([[0, 1, 2], [5, 0, 4]], np.int16), np.array([0.9, 0.5], np.float32), ("on", "in"))
    line = TextLine("ABBA", 0.75, ((0.0, 0.25), (0.5, 0.25), (0.5, 0.5), (0.0, 0.5)))
    return ImageFeatures(
        sha256, SPACE, PARTS, regions, rng.random((8, 3, 3), np.float32), segments, relations, (line,), (320, 200)
    )


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    made = FeatureStore(tmp_path, SPACE)
    made.create(PARTS, HASHES)
    return made


def test_features_come_back_within_half_precision(store: FeatureStore) -> None:
    before = full_features()
    store.put(before)
    after = store.get(NAME)
    assert (after.sha256, after.feature_space, after.parts) == (NAME, SPACE, PARTS)
    assert (after.texts, after.image_size) == (before.texts, (320, 200))
    assert after.regions is not None
    assert before.regions is not None
    assert after.regions.labels == before.regions.labels
    assert after.regions.sources == before.regions.sources
    assert after.regions.attributes == before.regions.attributes
    np.testing.assert_array_equal(after.regions.boxes, before.regions.boxes)
    np.testing.assert_array_equal(after.regions.scores, before.regions.scores)
    np.testing.assert_allclose(after.regions.features, before.regions.features, rtol=1e-3)
    np.testing.assert_allclose(after.grid, before.grid, rtol=1e-3)
    assert after.grid.dtype == after.regions.features.dtype == np.float32
    assert after.segments is not None
    assert before.segments is not None
    assert after.segments.has_stuff
    np.testing.assert_allclose(after.segments.semantic, before.segments.semantic, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(after.segments.ids, before.segments.ids)
    np.testing.assert_array_equal(after.segments.present, before.segments.present)
    assert after.relations is not None
    assert after.relations.words(after.regions.labels)[0] == "thing 0 in thing 2"
    np.testing.assert_array_equal(after.relations.scores, np.float32([0.9, 0.5]))


def test_what_was_not_extracted_is_none_and_not_zeros(store: FeatureStore) -> None:
    store.put(ImageFeatures(NAME, SPACE, PARTS, grid=np.ones((4, 2, 2), np.float32)))
    after = store.get(NAME)
    assert (after.regions, after.segments, after.relations, after.texts) == (None, None, None, None)


def test_a_record_has_the_names_that_readers_know(store: FeatureStore, tmp_path: Path) -> None:
    store.put(full_features())
    shapes = {name: value.shape for name, value in load_file(next(tmp_path.rglob("*.safetensors"))).items()}
    assert shapes == {
        **{"regions.features": (36, 8), "regions.boxes": (36, 4), "regions.scores": (36,), "grid": (8, 3, 3)},
        **{"seg_sem": (133, 7, 7), "seg_map": (64, 64), "seg_cat": (133,)},
        **{"relations": (2, 3), "relations.scores": (2,)},
    }


def test_a_store_lists_what_it_has(store: FeatureStore, tmp_path: Path) -> None:
    names = [f"{number:02x}" * 32 for number in (7, 3, 255)]
    for name in names:
        store.put(full_features(name))
    assert (list(store), len(store)) == (sorted(names), 3)
    assert names[0] in store
    assert "1" * 64 not in store
    assert feature_spaces(tmp_path) == [SPACE]
    with pytest.raises(KeyError):
        store.get("1" * 64)
    with pytest.raises(ValueError, match="sha256"):
        store.get("../../etc/passwd")


def test_features_of_two_spaces_never_meet(store: FeatureStore, tmp_path: Path) -> None:
    store.put(full_features())
    other = FeatureStore(tmp_path, "tiny-r36-other/v1")
    other.create({"regions": "tiny-r36-other"}, HASHES)
    with pytest.raises(FeatureSpaceError, match="tiny-r36-other/v1, got tiny-r36/v1"):
        other.put(full_features())
    assert NAME not in other
    os.rename(store.folder / NAME[:2], other.folder / NAME[:2])
    with pytest.raises(FeatureSpaceError):
        other.get(NAME)


def test_a_space_of_other_parts_is_refused(store: FeatureStore) -> None:
    store.create(PARTS, HASHES)
    with pytest.raises(FeatureSpaceError):
        store.create(PARTS | {"labels": "vg1600"}, HASHES)
    with pytest.raises(FeatureSpaceError, match="sha256"):
        store.create(PARTS, {"regions": "6b" * 32})


@pytest.mark.parametrize("name", ["", "no version", "a/b/v1", "../v1", "tiny/v", "tiny/v1/"])
def test_a_name_that_is_no_feature_space_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="feature space"):
        FeatureStore(tmp_path, name)


def test_a_damaged_record_is_told_from_a_missing_one(store: FeatureStore) -> None:
    store.put(full_features())
    path = next(store.folder.rglob("*.safetensors"))
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="expected the features of an image"):
        store.get(NAME)


def test_a_writer_that_died_leaves_nothing_that_is_read(store: FeatureStore) -> None:
    incoming = store.folder / ".incoming-dead"
    incoming.mkdir()
    (incoming / f"{NAME}.safetensors").write_bytes(b"torn")
    assert NAME not in store
    assert len(store) == 0
    store.create(PARTS, HASHES)
    assert not incoming.exists()


def test_shapes_that_do_not_fit_are_refused() -> None:
    good = full_features()
    assert good.regions is not None
    assert good.segments is not None
    assert good.relations is not None
    with pytest.raises(ValueError, match="boxes"):
        replace(good.regions, boxes=np.zeros((35, 4), np.float32))
    with pytest.raises(ValueError, match="features"):
        replace(good.regions, features=np.zeros((35, 8), np.float32))
    with pytest.raises(ValueError, match="scores"):
        replace(good.regions, scores=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="sources"):
        replace(good.regions, sources=("oracle",) * 36)
    with pytest.raises(ValueError, match="semantic"):
        replace(good.segments, semantic=np.zeros((80, 7, 7), np.float32))
    with pytest.raises(ValueError, match="predicates"):
        replace(good.relations, triples=np.array([[0, 2, 1], [0, 0, 1]]))
    with pytest.raises(ValueError, match="grid"):
        replace(good, grid=np.zeros((8, 9)))


def test_numbers_that_half_precision_lacks_are_refused(store: FeatureStore) -> None:
    for value in (1e6, np.nan, np.inf):
        with pytest.raises(ValueError, match="finite numbers that float16 can hold in grid"):
            store.put(ImageFeatures(NAME, SPACE, PARTS, grid=np.full((1, 2, 2), value, np.float32)))
    assert NAME not in store
