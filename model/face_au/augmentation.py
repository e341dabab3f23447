"""Augmentation: a batch of faces turned, shifted, scaled, mirrored and lit anew, its landmarks with it."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from model.face_au.action_units import mirror_landmarks
from model.face_au.config import AugmentationConfig


def augmented(images: Tensor, landmarks: Tensor, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """images [B, C, S, S] in -1..1, landmarks [B, 49, 2] in 0..1 -> the same of the changed faces; draws from torch."""
    count = len(images)

    def drawn(bound: float) -> Tensor:
        return (2 * torch.rand(count) - 1) * bound

    if config.mirror:
        flipped = torch.rand(count) < 0.5
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        landmarks = torch.where(flipped[:, None, None], mirror_landmarks(landmarks), landmarks)
    angle, scale = drawn(math.radians(config.rotation_deg)), 1 + drawn(config.scale)
    shift = torch.stack([drawn(2 * config.shift), drawn(2 * config.shift)], dim=-1)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=-1).view(-1, 2, 2)
    # The image is read through the inverse of the map that its landmarks go through.
    back = turn.mT / scale[:, None, None]
    images = _resampled(images, torch.cat([back, -back @ shift[:, :, None]], dim=-1))
    centred = 2 * landmarks - 1
    moved = (turn * scale[:, None, None]) @ centred.mT + shift[:, :, None]
    images = images * (1 + drawn(config.contrast))[:, None, None, None] + drawn(config.brightness)[:, None, None, None]
    if config.erased:
        images = _erased(images, config.erased)
    return images, (moved.mT + 1) / 2


def _erased(images: Tensor, largest: float) -> Tensor:
    count, _, side, _ = images.shape
    size = torch.rand(count) * largest * (torch.rand(count) < 0.5)
    corner = torch.rand(count, 2) * (1 - size[:, None])
    places = (torch.arange(side) + 0.5) / side
    rows, columns = (
        (places >= corner[:, axis, None]) & (places < (corner[:, axis] + size)[:, None]) for axis in (0, 1)
    )
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _resampled(images: Tensor, matrices: Tensor) -> Tensor:
    """Images under affine maps [B, 2, 3] from places of the result to the source's, in -1..1; edges repeat."""
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
