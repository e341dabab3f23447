import pytest
import torch

from model.face_au.stem import Extractor, MapRefiner, MultiScaleRegions, RegionConvolution, centre_maps


def test_full_size_modules_have_the_published_shapes() -> None:
    with torch.inference_mode():
        first = MultiScaleRegions(3, 32, (8, 4, 2)).eval()(torch.rand(1, 3, 176, 176))
        assert first.shape == (1, 32, 88, 88)
        features = MultiScaleRegions(32, 64, (8, 4, 2)).eval()(first)
        assert features.shape == (1, 64, 44, 44)
        assert Extractor(64, (96, 128, 160), 2).eval()(features).shape == (1, 160, 5, 5)
        maps = centre_maps(torch.rand(1, 12, 2, 2), 44)
        assert maps.shape == (1, 12, 52, 52)
        assert MapRefiner(64)(maps[:, :1]).shape == (1, 1, 44, 44)


def test_region_wise_parts_are_a_half_a_quarter_and_a_quarter_of_the_channels() -> None:
    widths = [region.cells.out_channels // region.grid**2 for region in MultiScaleRegions(3, 32, (8, 4, 2)).regions]
    assert widths == [16, 8, 8]


def test_a_cell_sees_nothing_of_its_neighbours_and_has_weights_of_its_own() -> None:
    convolution = RegionConvolution(2, 3, 4).double()
    image = torch.rand(1, 2, 16, 16, dtype=torch.float64)
    changed = image.clone()
    changed[:, :, 4:8, 8:12] += 1
    difference = (convolution(image) - convolution(changed)).abs().amax(dim=1)[0] > 0
    assert difference[4:8, 8:12].all()
    assert difference.sum() == 16
    same = torch.ones(1, 2, 16, 16, dtype=torch.float64)
    assert not torch.allclose(convolution(same)[..., 1, 1], convolution(same)[..., 5, 1])


def test_a_cell_is_an_ordinary_convolution_of_its_part() -> None:
    convolution = RegionConvolution(2, 3, 2).double()
    image = torch.rand(1, 2, 8, 8, dtype=torch.float64)
    weight, bias = convolution.cells.weight, convolution.cells.bias
    assert bias is not None
    for cell, (down, along) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        part = image[:, :, 4 * down : 4 * down + 4, 4 * along : 4 * along + 4]
        own = slice(3 * cell, 3 * cell + 3)
        wanted = torch.nn.functional.conv2d(part, weight[own], bias[own], padding=1)
        found = convolution(image)[:, :, 4 * down : 4 * down + 4, 4 * along : 4 * along + 4]
        torch.testing.assert_close(found, wanted)


def test_a_map_is_one_at_a_centre_and_falls_by_four_a_side() -> None:
    side = 20
    centres = torch.tensor([[[[10.5 / side, 4.5 / side], [2.5 / side, 15.5 / side]]]], dtype=torch.float64)
    (found,) = centre_maps(centres, side)[0]
    margin = 4
    assert found[margin + 4, margin + 10] == pytest.approx(1)
    assert found[margin + 15, margin + 2] == pytest.approx(1)
    assert found[margin + 4 + 2, margin + 10 + 1] == pytest.approx(1 - 4 * 3 / side)
    assert found[margin + 4, margin + 18] == 0
    assert found.min() == 0


def test_refined_maps_are_shares() -> None:
    refined = MapRefiner(4)(centre_maps(torch.rand(2, 1, 2, 2), 12))
    assert refined.min() >= 0
    assert refined.max() <= 1
