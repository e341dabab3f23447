"""The tile table: complete, and refused where it has no entry."""

import pytest

from kernels.guided_attention.tile_sizes import TILES, padded_width, tile_of


@pytest.mark.parametrize(("width", "padded"), [(1, 16), (16, 16), (17, 32), (24, 32), (64, 64), (96, 128), (128, 128)])
def test_widths_are_padded_to_powers_of_two(width, padded):
    assert padded_width(width) == padded


@pytest.mark.parametrize("width", [0, 129])
def test_other_widths_are_refused(width):
    with pytest.raises(ValueError, match="head width"):
        padded_width(width)


def test_every_kernel_has_a_tile_for_every_width_in_half_precision():
    for kernel in ("forward", "backward_query", "backward_key", "serving"):
        for width in range(1, 129):
            tile = tile_of(kernel, width, 2)
            assert tile in TILES[kernel, 2].values()
            assert min(tile.queries, tile.keys) >= 16


def test_wide_float32_is_refused_on_a_device():
    with pytest.raises(ValueError, match="up to 64"):
        tile_of("forward", 65, 4)
