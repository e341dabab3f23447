from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.backbone import Backbone
from model.vision.adapters.packaged_grid import PackagedGrid
from model.vision.image import Image
from tests.model.vision.tiny_parts import CHANNELS, backbone_part, noise_image, solid_image


def halves() -> Image:
    """Red on the left, blue on the right."""
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:] = (255, 0, 0), (0, 0, 255)
    return Image(pixels, "0" * 64, "image/png")


def test_the_grid_is_a_map_of_the_whole_image(tmp_path: Path) -> None:
    grid = PackagedGrid(Backbone(backbone_part(tmp_path)), side=128)
    found = grid.extract(solid_image())
    assert (found.shape, found.dtype) == ((CHANNELS, 4, 4), np.dtype(np.float32))
    assert (grid.info.name, grid.info.dim) == ("tiny8-g128", CHANNELS)
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1, :1], found.shape), rtol=1e-5)


def test_a_region_sees_its_own_place_alone(tmp_path: Path) -> None:
    backbone = Backbone(backbone_part(tmp_path))
    boxes = np.array([[0, 0, 0.45, 1], [0.55, 0, 1, 1]])
    left, right = backbone.regions(halves(), boxes, 64)
    red, blue = (
        backbone.regions(solid_image(colour=(255, 0, 0)), boxes, 64)[0],
        backbone.regions(solid_image(colour=(0, 0, 255)), boxes, 64)[0],
    )
    np.testing.assert_allclose(left, red, rtol=1e-4)
    np.testing.assert_allclose(right, blue, rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 36])
def test_vectors_do_not_depend_on_how_many_are_asked_for(tmp_path: Path, count: int) -> None:
    backbone, image = Backbone(backbone_part(tmp_path)), noise_image(4)
    starts = np.random.default_rng(0).random((count, 2)) / 2
    boxes = np.concatenate([starts, starts + 0.3], axis=1)
    together = backbone.regions(image, boxes, 32)
    assert together.shape == (count, CHANNELS)
    for row in range(count):
        np.testing.assert_allclose(together[row], backbone.regions(image, boxes[row : row + 1], 32)[0], rtol=1e-4)


def test_a_flat_box_is_its_nearest_pixel(tmp_path: Path) -> None:
    backbone = Backbone(backbone_part(tmp_path))
    found = backbone.regions(halves(), np.array([[1.0, 0.5, 1.0, 0.5]]), 32)[0]
    np.testing.assert_allclose(found, backbone.regions(halves(), np.array([[0.6, 0, 1, 1]]), 32)[0], rtol=1e-4)


def test_a_side_that_would_change_the_padding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 divides, got 112"):
        PackagedGrid(Backbone(backbone_part(tmp_path)), side=112)
