"""Losses: weighted cross-entropy and dice over action units, and landmarks in units of the eyes' distance."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from model.face_au.action_units import OUTER_EYE_CORNERS
from model.face_au.config import ObjectiveConfig
from model.face_au.network import FaceReading

DICE_MARGIN = 1.0


class FaceTargets(NamedTuple):
    """labels [B, N] in 0..1 and landmarks [B, 49, 2]; NaN where not known."""

    labels: Tensor
    landmarks: Tensor


def unit_weights(rates: Tensor) -> Tensor:
    """w_i = N (1 / r_i) / sum_j (1 / r_j), r_i the occurrence rate of an action unit. [N] -> [N], of mean 1."""
    if not ((rates > 0) & (rates <= 1)).all():
        raise ValueError(f"expected occurrence rates above 0 and up to 1, got {rates.tolist()}")
    return len(rates) / rates / (1 / rates).sum()


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean of -w_i [y log p + (1 - y) log(1 - p)] over the labels that are known."""
    known = ~labels.isnan()
    terms = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    return (terms * weights)[known].sum() / known.sum().clamp_min(1)


def dice(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean of w_i (1 - (2 y p + 1) / (y^2 + p^2 + 1)) over the labels that are known."""
    known, p, y = ~labels.isnan(), logits.sigmoid(), labels.nan_to_num(0.0)
    terms = 1 - (2 * y * p + DICE_MARGIN) / (y**2 + p**2 + DICE_MARGIN)
    return (terms * weights)[known].sum() / known.sum().clamp_min(1)


def landmark_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean over faces of the sum of squared distances over 2 o^2, o the distance of the outer eye corners."""
    known = ~wanted.isnan().flatten(1).any(dim=1)
    left, right = OUTER_EYE_CORNERS
    wanted = wanted.nan_to_num(0.0)
    span = (wanted[:, left] - wanted[:, right]).square().sum(-1).clamp_min(1e-4)
    terms = (found - wanted).square().sum(dim=(1, 2)) / (2 * span)
    return terms[known].sum() / known.sum().clamp_min(1)


def face_loss(reading: FaceReading, targets: FaceTargets, weights: Tensor, objective: ObjectiveConfig) -> Tensor:
    """Both losses on what the network says, again on its branches before the graphs, and the landmarks."""
    labels = targets.labels
    if not objective.soft_labels:
        labels = torch.where(labels.isnan(), labels, (labels >= 0.5).to(labels))

    def units(logits: Tensor) -> Tensor:
        return cross_entropy(logits, labels, weights) + objective.dice_weight * dice(logits, labels, weights)

    total = units(reading.logits) + objective.branch_weight * units(reading.branch_logits)
    return total + objective.landmark_weight * landmark_loss(reading.landmarks, targets.landmarks)
