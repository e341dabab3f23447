import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.vision.boxes import areas, grid_cells, iou, suppress


def random_boxes(seed: int, count: int) -> np.ndarray:
    corners = np.random.default_rng(seed).random((count, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def test_iou_of_equal_disjoint_and_nested_boxes() -> None:
    first = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2]])
    second = np.array([[0, 0, 1, 1], [0.5, 0.5, 1, 1]])
    np.testing.assert_allclose(iou(first, second), [[1, 0.25], [0.25, 0], [0, 0]])


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_iou_equals_its_definition(seed: int, count: int) -> None:
    boxes = random_boxes(seed, count)
    for i, (a, b, c, d) in enumerate(boxes):
        for j, (e, f, g, h) in enumerate(boxes):
            shared = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
            union = (c - a) * (d - b) + (g - e) * (h - f) - shared
            assert iou(boxes, boxes)[i, j] == pytest.approx(shared / union if union > 0 else 0)


@given(st.integers(0, 10_000), st.integers(0, 20))
def test_what_suppression_keeps_and_removes(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores, classes = random_boxes(seed, count), rng.random(count).round(1), rng.integers(0, 3, count)
    kept = suppress(boxes, scores, classes, 0.3)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    covers = iou(boxes, boxes) > 0.3
    for place, row in enumerate(kept):
        assert not any(covers[row, other] and classes[row] == classes[other] for other in kept[:place])
    for row in set(range(count)) - set(kept.tolist()):
        assert any(
            covers[row, other] and classes[row] == classes[other] and scores[other] >= scores[row] for other in kept
        )


def test_grid_cells_lie_in_the_image_whole_first_and_differ() -> None:
    cells = grid_cells(51)
    assert cells[0].tolist() == [0, 0, 1, 1]
    assert cells.min() >= 0
    assert cells.max() <= 1
    assert (areas(cells) > 0.06).all()
    assert len(np.unique(cells.round(5), axis=0)) == 51
    np.testing.assert_array_equal(grid_cells(36), cells[:36])
    assert grid_cells(0).shape == (0, 4)
    with pytest.raises(ValueError, match="at most 51"):
        grid_cells(52)
