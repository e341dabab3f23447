"""Stem: the layers that see pixels - multi-scale regions, extractor, attention maps from landmarks (JAA-Net)."""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

# How far the refining convolutions of an attention map look: its input is larger by this on every side.
MAP_MARGIN = 4


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class RegionConvolution(nn.Module):
    """A convolution with weights of its own in every cell of a grid: [B, C, h, w] -> [B, C', h, w].

    A cell sees nothing of its neighbours.
    """

    def __init__(self, inputs: int, outputs: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.cells = nn.Conv2d(inputs * grid**2, outputs * grid**2, 3, padding=1, groups=grid**2)

    def forward(self, features: Tensor) -> Tensor:
        grid = self.grid
        b, c, h, w = features.shape
        cells = features.reshape(b, c, grid, h // grid, grid, w // grid).permute(0, 2, 4, 1, 3, 5)
        mapped = self.cells(cells.reshape(b, grid**2 * c, h // grid, w // grid))
        return mapped.reshape(b, grid, grid, -1, h // grid, w // grid).permute(0, 3, 1, 4, 2, 5).reshape(b, -1, h, w)


class MultiScaleRegions(nn.Module):
    """A convolution, and region-wise ones on finer to coarser grids added to it; halves the map.

    Widths of the region-wise ones are C/2, C/4, C/4 for three grids. Without grids it is a plain convolution.
    """

    def __init__(self, inputs: int, outputs: int, grids: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=not grids)
        widths = [outputs >> min(step + 1, len(grids) - 1) for step in range(len(grids))]
        sources = [outputs, *widths][: len(widths)]
        self.regions = nn.ModuleList(
            RegionConvolution(source, width, grid) for source, width, grid in zip(sources, widths, grids, strict=True)
        )
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        features = self.first(image)
        if self.regions:
            scales, last = [], features
            for region in self.regions:
                last = functional.relu(region(last))
                scales.append(last)
            features = features + torch.cat(scales, dim=1)
        return functional.max_pool2d(functional.relu(self.norm(features)), 2)


class Extractor(nn.Module):
    """Blocks of convolutions, each of which halves the map: [B, C, s, s] -> [B, C', s', s']."""

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        convolutions_per_block: int,
        halving: Literal["pool", "stride"] = "pool",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(convolution(inputs, width, 2 if halving == "stride" else 1))
            layers += [convolution(width, width) for _ in range(convolutions_per_block - 1)]
            if halving == "pool":
                layers.append(nn.MaxPool2d(2))
            inputs = width
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        mapped: Tensor = self.layers(features)
        return mapped


class MapRefiner(nn.Module):
    """Learns the shape of one action unit's attention: [B, 1, s + 8, s + 8] -> [B, 1, s, s] in 0..1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (1, width, width, width)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3))

    def forward(self, prior: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(prior))


def centre_maps(centres: Tensor, side: int) -> Tensor:
    """max(1 - 4 (|dx| + |dy|), 0) around the nearer of two centres, on `side` cells and MAP_MARGIN more all around.

    centres: [B, N, 2, 2] as shares of the image -> [B, N, side + 8, side + 8]. The published 0.56 / (52 * 0.14) a pixel
    of a 52 pixel map is 4 a side.
    """
    places = torch.arange(-MAP_MARGIN, side + MAP_MARGIN, device=centres.device, dtype=centres.dtype)
    places = (places + 0.5) / side
    dx = (places - centres[..., 0:1]).abs()
    dy = (places - centres[..., 1:2]).abs()
    distance = dx[..., None, :] + dy[..., :, None]
    return (1 - 4 * distance).clamp_min(0).amax(dim=2)
