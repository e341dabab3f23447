"""The loss of HpEIS: reconstruction, divergence from a standard normal, and the anti-jitter term."""

from typing import NamedTuple

import torch
from torch import Tensor

from model.hand_pose.config import ObjectiveConfig
from model.hand_pose.network import Gaussian, HandPoseNetwork


class Frames(NamedTuple):
    """Codes [B, 80] of frames that follow each other: as seen, and without the noise that was added."""

    seen: Tensor
    seen_next: Tensor
    clean: Tensor
    clean_next: Tensor


def loss(network: HandPoseNetwork, frames: Frames, objective: ObjectiveConfig) -> Tensor:
    """L = |x' - x|^2 / 80 + kl_weight KL + anti_jitter_weight L_aj, codes in units of their common deviation.

    Inferred: the paper names the anti-jitter term without giving its form. One unit for all values: in their own
    deviations joints that hardly move would count as much as those that do, and held-back hands are decoded worse.
    """
    gaussian = network.encode(torch.cat((frames.seen, frames.seen_next)))
    target = torch.cat((frames.clean, frames.clean_next))
    error = network.decode(gaussian.sample()) - target
    total = error.square().mean() / network.code_deviation.square().mean()
    total = total + objective.kl_weight * divergence(gaussian)
    if objective.anti_jitter_weight:
        total = total + objective.anti_jitter_weight * anti_jitter(network, gaussian, frames, objective.code_noise)
    return total


def divergence(gaussian: Gaussian) -> Tensor:
    """KL(N(mean, variance) || N(0, I)), averaged over rows."""
    mean, log_variance = gaussian
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1).mean()


def anti_jitter(network: HandPoseNetwork, gaussian: Gaussian, frames: Frames, code_noise: float) -> Tensor:
    """Mean squared step of the plane between frames that follow each other, and between a code and its noisy copy."""
    mean, mean_next = gaussian.mean.chunk(2)
    noise = torch.randn_like(frames.seen) * code_noise * network.code_deviation
    shaken = network.encode(frames.seen + noise).mean
    return (mean - mean_next).square().mean() + (mean - shaken).square().mean()
