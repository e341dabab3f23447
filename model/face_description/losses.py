"""Losses of the describer; a face without a label of one kind has no part in that term."""

import torch
from torch import Tensor
from torch.nn import functional

from model.face_description.config import ObjectiveConfig
from model.face_description.data import Batch
from model.face_description.labels import BAND_YEARS, band_of
from model.face_description.network import FaceView, Findings
from model.face_description.vocabulary import PAD


def total_loss(
    view: FaceView, found: Findings, logits: Tensor, batch: Batch, objective: ObjectiveConfig, weights: Tensor
) -> Tensor:
    """L = L_text + L_AU + L_emotion + L_age + L_sight + L_landmarks, each with its weight.

    Deviates: two terms more than the text and labels ask for. L_sight splits a claim into «there» and «can be seen
    here», because where a box is says nothing of a muscle; L_landmarks because the units are a matter of geometry.
    """
    boxes = batch.boxes.shape[1]
    loss = objective.text_weight * text_loss(logits, batch.tokens)
    loss = loss + objective.units_weight * unit_loss(
        found.presence.flatten(0, 1), batch.units.repeat_interleave(boxes, 0), weights
    )
    loss = loss + objective.sight_weight * functional.binary_cross_entropy_with_logits(found.sight, batch.sight)
    loss = loss + objective.landmark_weight * functional.l1_loss(view.landmarks, batch.landmarks)
    loss = loss + objective.emotion_weight * emotion_loss(
        found.emotion.flatten(0, 1), batch.emotion.repeat_interleave(boxes)
    )
    return loss + objective.age_weight * age_loss(found.age.flatten(0, 1), batch.age.repeat_interleave(boxes))


def text_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of each next word; logits [B, L, V] at tokens [B, L]."""
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PAD)


def unit_weights(rates: Tensor) -> Tensor:
    """w_i = N (1 / r_i) / sum_j (1 / r_j) for occurrence rates r [N]."""
    inverse = 1.0 / rates.clamp(min=1e-3)
    return len(rates) * inverse / inverse.sum()


def unit_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy plus dice over [B, N]; targets are probabilities.

    dice = (1/N) sum_i w_i (1 - (2 y p + 1) / (y^2 + p^2 + 1)).
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, weight=weights)
    probability = logits.sigmoid()
    dice = 1 - (2 * targets * probability + 1) / (targets**2 + probability**2 + 1)
    return entropy + (weights * dice).mean()


def emotion_loss(logits: Tensor, emotions: Tensor) -> Tensor:
    """Cross-entropy over those with an emotion, smoothed by 0.1; 0 without any."""
    labelled = emotions >= 0
    if not labelled.any():
        return logits.sum() * 0.0
    return functional.cross_entropy(logits[labelled], emotions[labelled], label_smoothing=0.1)


def age_loss(logits: Tensor, ages: Tensor) -> Tensor:
    """Cross-entropy of the band plus |expected years - years| / 10 over those with an age; 0 without any."""
    labelled = ages >= 0
    if not labelled.any():
        return logits.sum() * 0.0
    bands = torch.tensor([band_of(float(age)) for age in ages[labelled]], device=logits.device)
    entropy = functional.cross_entropy(logits[labelled], bands, label_smoothing=0.1)
    return entropy + (expected_years(logits[labelled]) - ages[labelled]).abs().mean() / 10


def expected_years(logits: Tensor) -> Tensor:
    """The mean of the bands' middles under their probabilities: [..., 10] -> [...]."""
    return logits.softmax(-1) @ torch.tensor(BAND_YEARS, device=logits.device)
