from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.bottomup import COUNT, BottomUpRegions
from model.vision.part import PartError
from tests.model.vision.tiny_parts import bottomup_part, solid_image

ROIS, CLASSES, WIDTH = 50, 5, 16
LABELS = ("cat", "dog", "sky", "tree")


def answer(overlapping: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """50 boxes side by side, the first ones at one place; chances with background first, and numbered vectors."""
    rng = np.random.default_rng(1)
    starts = np.stack([np.arange(ROIS) % 10 * 10, np.arange(ROIS) // 10 * 20], axis=1).astype(float)
    rois = np.concatenate([starts, starts + np.array([9, 19])], axis=1)
    rois[:overlapping] = (0, 0, 9, 19)
    chances = rng.dirichlet(np.ones(CLASSES), ROIS)
    if overlapping:
        chances[:overlapping] = (0.0, *np.eye(4)[0] * 0.96 + 0.01)
    vectors = np.repeat(np.arange(ROIS)[:, None], WIDTH, axis=1).astype(float)
    return rois, chances, vectors


def test_the_surest_36_are_kept_with_their_own_vectors(tmp_path: Path) -> None:
    rois, chances, vectors = answer()
    part = bottomup_part(tmp_path, rois, chances, vectors, labels=LABELS, feature_space="vg-r36")
    extractor = BottomUpRegions(part)
    regions = extractor.extract(solid_image(30, 60))
    best = np.argsort(-chances[:, 1:].max(axis=1), kind="stable")[:COUNT]
    assert regions.features[:, 0].astype(int).tolist() == best.tolist()
    np.testing.assert_allclose(regions.boxes, rois[best] / 100, rtol=1e-6)
    assert regions.labels == tuple(LABELS[number] for number in chances[best, 1:].argmax(axis=1))
    np.testing.assert_allclose(regions.scores, chances[best, 1:].max(axis=1), rtol=1e-6)
    assert (regions.sources, regions.attributes) == (("detector",) * COUNT, None)
    assert (extractor.info.name, extractor.info.dim) == ("vg-r36", WIDTH)


def test_one_thing_is_kept_once_and_the_number_stays(tmp_path: Path) -> None:
    regions = BottomUpRegions(bottomup_part(tmp_path, *answer(5), labels=LABELS)).extract(solid_image())
    assert sum(number < 5 for number in regions.features[:, 0]) == 1
    regions = BottomUpRegions(bottomup_part(tmp_path, *answer(30), labels=LABELS)).extract(solid_image())
    assert sum(number < 30 for number in regions.features[:, 0]) == COUNT - 20
    assert len(set(regions.features[:, 0])) == COUNT


def test_attributes_are_named_where_the_network_tells_them(tmp_path: Path) -> None:
    chances = np.random.default_rng(0).random((ROIS, 3))
    names = (*LABELS, "", "red", "old")
    part = bottomup_part(tmp_path, *answer(), labels=names, attr_prob=chances)
    regions = BottomUpRegions(part).extract(solid_image())
    rows = regions.features[:, 0].astype(int)
    assert regions.attributes == tuple(("red", "old")[number] for number in chances[rows, 1:].argmax(axis=1))


def test_what_does_not_fit_is_refused_with_its_role(tmp_path: Path) -> None:
    rois, chances, vectors = answer()
    with pytest.raises(PartError, match=r"expected cls_prob as \['rois', 'classes'\] with .*got \[49, 5\]"):
        BottomUpRegions(bottomup_part(tmp_path, rois, chances[1:], vectors, labels=LABELS))
    with pytest.raises(PartError, match=r"expected rois as \['rois', 4\] with .*got \[50, 5\]"):
        BottomUpRegions(bottomup_part(tmp_path, np.ones((ROIS, 5)), chances, vectors, labels=LABELS))
    with pytest.raises(PartError, match="expected 4 labels for its classes, got 3"):
        BottomUpRegions(bottomup_part(tmp_path, rois, chances, vectors, labels=LABELS[:3]))
    with pytest.raises(PartError, match=r"36 or more"):
        BottomUpRegions(bottomup_part(tmp_path, rois[:9], chances[:9], vectors[:9], labels=LABELS))
