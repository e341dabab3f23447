"""Region path: the part of a face that a box marks, as 49 tokens - its maps, its zoomed pixels and where it is."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

GRID = 7
CROP_PX = 56
_SAMPLES = 2
_FREQUENCIES = 4
_PATCH_CHANNELS = 32


def roi_align(maps: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Bilinear samples in boxes, the mean of 2 x 2 in every cell: [B, C, H, W], [B, R, 4] in 0..1 -> [B, R, C, S, S].

    What lies outside the map repeats its edge.
    """
    batch, regions = boxes.shape[:2]
    steps = (torch.arange(size * _SAMPLES, dtype=boxes.dtype, device=boxes.device) + 0.5) / (size * _SAMPLES)
    x = boxes[..., 0:1] + (boxes[..., 2:3] - boxes[..., 0:1]) * steps
    y = boxes[..., 1:2] + (boxes[..., 3:4] - boxes[..., 1:2]) * steps
    places = size * _SAMPLES
    grid = torch.stack(
        [x[:, :, None, :].expand(-1, -1, places, -1), y[:, :, :, None].expand(-1, -1, -1, places)], dim=-1
    )
    grid = grid.reshape(batch, regions * places, places, 2) * 2 - 1
    sampled = functional.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    cells = functional.avg_pool2d(sampled, _SAMPLES)
    return cells.reshape(batch, maps.shape[1], regions, size, size).transpose(1, 2)


class BoxCode(nn.Module):
    """Fourier code of x1, y1, x2, y2, width and height: [..., 4] -> [..., D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(6 * (1 + 2 * _FREQUENCIES), width)

    def forward(self, boxes: Tensor) -> Tensor:
        """boxes: in 0..1."""
        sides = torch.cat([boxes, boxes[..., 2:] - boxes[..., :2]], dim=-1)
        scales = math.pi * 2.0 ** torch.arange(_FREQUENCIES, dtype=boxes.dtype, device=boxes.device)
        turns = (sides[..., None] * scales).flatten(-2)
        return self.project(torch.cat([sides, turns.sin(), turns.cos()], dim=-1))


class CropStem(nn.Sequential):
    """Zoomed pixels [B, 1, 56, 56], 0..255 -> 49 tokens [B, 49, D]; patches of 4 and of 2 that do not overlap."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(1, _PATCH_CHANNELS, 4, stride=4),
            nn.GroupNorm(4, _PATCH_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_PATCH_CHANNELS, width, 2, stride=2),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Contrast is each crop's own, for light says nothing of a face."""
        mean, deviation = pixels.mean((1, 2, 3), keepdim=True), pixels.std((1, 2, 3), keepdim=True)
        return super().forward((pixels - mean) / (deviation + 8.0)).flatten(2).transpose(1, 2)


def centres_inside(boxes: Tensor, size: int) -> Tensor:
    """Which cells of a size x size grid have their centre in a box: [B, R, 4] -> [B, R, size * size] of 0 and 1."""
    centres = (torch.arange(size, dtype=boxes.dtype, device=boxes.device) + 0.5) / size
    across = (centres >= boxes[..., 0:1]) & (centres <= boxes[..., 2:3])
    down = (centres >= boxes[..., 1:2]) & (centres <= boxes[..., 3:4])
    return (down[..., :, None] & across[..., None, :]).flatten(-2).to(boxes.dtype)
