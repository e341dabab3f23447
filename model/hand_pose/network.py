"""The variational autoencoder of HpEIS: a pose code of 80 values to a point of the plane, and back."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.hand_pose.config import NetworkConfig
from model.hand_pose.pose_code import CODE_WIDTH

PLANE = 2
# A value that hardly varies would be blown up to noise.
SMALLEST_DEVIATION = 1e-2


class Gaussian(NamedTuple):
    """mean, log_variance: [B, 2]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """One draw of each row, through which gradients pass."""
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()


class HandPoseNetwork(nn.Module):
    """Encoder and decoder, both perceptrons with ReLU; they standardise codes by what `standardise` was given."""

    code_mean: Tensor
    code_deviation: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = (CODE_WIDTH, *config.hidden)
        self.encoder = _perceptron((*widths, 2 * PLANE))
        self.decoder = _perceptron((PLANE, *widths[::-1]))
        self.register_buffer("code_mean", torch.zeros(CODE_WIDTH))
        self.register_buffer("code_deviation", torch.ones(CODE_WIDTH))

    def standardise(self, codes: Tensor) -> None:
        """Take mean and deviation of each value from codes [N, 80]."""
        self.code_mean.copy_(codes.mean(dim=0))
        self.code_deviation.copy_(codes.std(dim=0).clamp(min=SMALLEST_DEVIATION))

    def encode(self, codes: Tensor) -> Gaussian:
        """The Gaussian of each code [B, 80]."""
        mean, log_variance = self.encoder((codes - self.code_mean) / self.code_deviation).chunk(2, dim=-1)
        return Gaussian(mean, log_variance)

    def decode(self, points: Tensor) -> Tensor:
        """Codes [B, 80] of points of the plane [B, 2]; their quaternions are not of length one."""
        return self.decoder(points) * self.code_deviation + self.code_mean

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Means [B, 2] and codes [B, 80] decoded from them: what is exported."""
        mean = self.encode(codes).mean
        return mean, self.decode(mean)


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
