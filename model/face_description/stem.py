"""The frozen stem: EfficientNet-Lite0 up to stride 16, three maps of a face from its pixels."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

FACE_PX = 112
"""Side of the face window that the stem sees; its maps are 28, 14 and 7 wide."""
MAP_CHANNELS = (24, 40, 112)
# (kernel, stride, expansion, channels, repeats) of the stages kept, after a 3x3 convolution of stride 2 to 32 channels.
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3))
MAP_STAGES = (1, 2, 4)


class Maps(NamedTuple):
    """What the stem sees of B faces: [B, 24, 28, 28], [B, 40, 14, 14] and [B, 112, 7, 7]."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor


class Stem(nn.Module):
    """Pixels [B, 3, 112, 112] in 0..255 -> Maps; never trained, for a thousand faces would not improve it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Convolution(3, 32, kernel=3, stride=2)
        stages, channels = [], 32
        for kernel, stride, expansion, out, repeats in STAGES:
            blocks = []
            for number in range(repeats):
                blocks.append(Block(channels, out, kernel, stride if number == 0 else 1, expansion))
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.requires_grad_(False).eval()

    def train(self, _mode: bool = True) -> "Stem":
        """Stays in evaluation: its statistics are part of the packaged weights."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> Maps:
        """pixels: float, RGB, 0..255."""
        hidden = self.first((pixels - 127.0) / 128.0)
        maps = []
        for number, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if number in MAP_STAGES:
                maps.append(hidden)
        return Maps(*maps)


class Convolution(nn.Module):
    """Convolution, batch norm and ReLU6, padded as TensorFlow pads: the odd pixel goes behind."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, groups: int = 1, relu: bool = True) -> None:
        super().__init__()
        before = (kernel - stride) // 2
        self.padding = (before, kernel - stride - before) * 2
        self.weight = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out, eps=1e-3)
        self.relu = relu

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, out, H / stride, W / stride] for sides that stride divides."""
        hidden = self.norm(self.weight(functional.pad(hidden, self.padding)))
        return torch.clamp(hidden, 0.0, 6.0) if self.relu else hidden


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = Convolution(channels, wide, 1, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, out, 1, 1, relu=False)
        self.residual = stride == 1 and channels == out

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, out, H / stride, W / stride]."""
        inner = self.project(self.depthwise(self.expand(hidden)))
        return hidden + inner if self.residual else inner
