from pathlib import Path

import numpy as np
import pytest
import torch

from model.vision.adapters.panoptic import PanopticSegments, class_maps, pooled
from model.vision.labels import COCO80, COCO_STUFF53, PANOPTIC133
from model.vision.part import PartError
from model.vision.segmentation import NO_CLASS
from tests.model.vision.tiny_parts import panoptic_part, solid_image

# Mask2Former and Detectron2 have the things first.
THINGS_FIRST = (*COCO80, *COCO_STUFF53)
SKY, CAT = PANOPTIC133.index("sky-other-merged"), PANOPTIC133.index("cat")


def queries(labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Three queries: sky above, a cat below on the left, nothing anywhere."""
    logits = np.full((3, 134), -9.0)
    logits[0, labels.index("sky-other-merged")] = logits[1, labels.index("cat")] = logits[2, 133] = 9
    masks = np.full((3, 16, 16), -9.0)
    masks[0, :8], masks[1, 8:, :8], masks[2] = 9, 9, 9
    return {"class_logits": logits[None], "mask_logits": masks[None]}


def maps(labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The same in UPSNet's form; 255 is no class."""
    sky, cat = labels.index("sky-other-merged"), labels.index("cat")
    ids = np.full((16, 16), 255)
    ids[:8], ids[8:, :8] = sky, cat
    scores = np.zeros((133, 16, 16))
    scores[sky, :8], scores[cat, 8:, :8] = 20, 20
    return {"fcn_score": scores[None], "panoptic": ids[None]}


@pytest.mark.parametrize("form", [queries, maps])
@pytest.mark.parametrize("labels", [PANOPTIC133, THINGS_FIRST])
def test_both_forms_in_any_order_mean_the_same(tmp_path: Path, form, labels: tuple[str, ...]) -> None:
    segmenter = PanopticSegments(panoptic_part(tmp_path, form(labels), labels))
    found = segmenter.segment(solid_image())
    expected = np.full((64, 64), NO_CLASS)
    expected[:32], expected[32:, :32] = SKY, CAT
    np.testing.assert_array_equal(found.ids, expected)
    assert np.flatnonzero(found.present).tolist() == sorted([SKY, CAT])
    assert found.has_stuff
    assert segmenter.info.label_space == "coco-panoptic133"
    np.testing.assert_allclose(found.semantic[SKY, :3], 1, atol=1e-3)
    np.testing.assert_allclose(found.semantic[CAT, 4:, :3], 1, atol=1e-3)
    assert found.semantic[CAT, :3].max() < 0.01
    assert found.semantic[SKY, 4:].max() < 0.01


def test_pooling_is_torchs() -> None:
    for height, width in ((7, 7), (16, 16), (25, 13), (8, 40)):
        scores = np.random.default_rng(height).random((3, height, width))
        expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(scores), 7).numpy()
        np.testing.assert_allclose(pooled(scores, 7), expected, rtol=1e-5)


def test_class_maps_are_the_sum_over_queries() -> None:
    rng = np.random.default_rng(0)
    classes, masks = rng.normal(size=(4, 134)), rng.normal(size=(4, 3, 5)) - 2
    expected = np.zeros((133, 3, 5))
    for query in range(4):
        chances = np.exp(classes[query]) / np.exp(classes[query]).sum()
        for number in range(133):
            expected[number] += chances[number] / (1 + np.exp(-masks[query]))
    np.testing.assert_allclose(class_maps(classes, masks), expected, rtol=1e-5)


def test_what_does_not_fit_is_refused_with_its_role(tmp_path: Path) -> None:
    good = queries(PANOPTIC133)
    with pytest.raises(PartError, match="expected class_logits as"):
        PanopticSegments(panoptic_part(tmp_path, good | {"class_logits": np.zeros((1, 3, 81))}))
    with pytest.raises(PartError, match=r"expected mask_logits as .*'queries': 3.*got \[1, 2, 4, 4\]"):
        PanopticSegments(panoptic_part(tmp_path, good | {"mask_logits": np.zeros((1, 2, 4, 4))}))
    with pytest.raises(PartError, match="fcn_score"):
        PanopticSegments(panoptic_part(tmp_path, {"class_logits": good["class_logits"]}))
    labels = tuple("lynx" if name == "cat" else name for name in PANOPTIC133)
    with pytest.raises(PartError, match=r"missing \['cat'\]"):
        PanopticSegments(panoptic_part(tmp_path, good, labels))
