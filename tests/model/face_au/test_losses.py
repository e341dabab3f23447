import pytest
import torch

from model.face_au.config import ObjectiveConfig
from model.face_au.losses import FaceTargets, cross_entropy, dice, face_loss, landmark_loss, unit_weights
from model.face_au.network import FaceReading

RATES = torch.tensor([0.2, 0.5, 0.1], dtype=torch.float64)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_weights_are_inverse_rates_of_mean_one() -> None:
    weights = unit_weights(RATES)
    assert weights.mean() == pytest.approx(1)
    torch.testing.assert_close(weights[0] / weights[1], RATES[1] / RATES[0])
    with pytest.raises(ValueError, match="occurrence rates"):
        unit_weights(torch.tensor([0.2, 0.0]))


def test_both_losses_are_what_their_equations_say() -> None:
    logits, labels, weights = 4 * drawn(5, 3) - 2, (drawn(5, 3, seed=1) > 0.5).double(), unit_weights(RATES)
    p = logits.sigmoid()
    entropy = -(weights * (labels * p.log() + (1 - labels) * (1 - p).log())).mean()
    overlap = (weights * (1 - (2 * labels * p + 1) / (labels**2 + p**2 + 1))).mean()
    torch.testing.assert_close(cross_entropy(logits, labels, weights), entropy)
    torch.testing.assert_close(dice(logits, labels, weights), overlap)


def test_labels_that_are_not_known_count_for_nothing() -> None:
    logits, labels, weights = drawn(4, 3), (drawn(4, 3, seed=1) > 0.5).double(), unit_weights(RATES)
    labels[1] = torch.nan
    kept = [0, 2, 3]
    for loss in (cross_entropy, dice):
        torch.testing.assert_close(loss(logits, labels, weights), loss(logits[kept], labels[kept], weights))


def test_landmarks_are_measured_in_distances_of_the_eyes() -> None:
    wanted, found = drawn(3, 49, 2), drawn(3, 49, 2, seed=1)
    spans = (wanted[:, 19] - wanted[:, 28]).square().sum(-1)
    expected = ((found - wanted).square().sum((1, 2)) / (2 * spans)).mean()
    torch.testing.assert_close(landmark_loss(found, wanted), expected)
    torch.testing.assert_close(landmark_loss(10 * found, 10 * wanted), expected)
    unknown = torch.full((1, 49, 2), torch.nan, dtype=torch.float64)
    both = landmark_loss(torch.cat([found, found[:1]]), torch.cat([wanted, unknown]))
    torch.testing.assert_close(both, expected)


def test_the_whole_loss_adds_its_parts_and_has_a_finite_gradient_where_nothing_is_known() -> None:
    logits, branch = drawn(2, 3).requires_grad_(), drawn(2, 3, seed=2)
    labels, wanted = torch.tensor([[0.9, 0.2, 0.6], [0.1, 0.7, 0.4]], dtype=torch.float64), drawn(2, 49, 2, seed=3)
    reading = FaceReading(logits, branch, drawn(2, 49, 2, seed=4), torch.empty(2, 0, 4, 4))
    weights, objective = unit_weights(RATES), ObjectiveConfig()
    hard = (labels >= 0.5).double()
    expected = sum(cross_entropy(one, hard, weights) + dice(one, hard, weights) for one in (logits, branch))
    expected = expected + 0.5 * landmark_loss(reading.landmarks, wanted)
    torch.testing.assert_close(face_loss(reading, FaceTargets(labels, wanted), weights, objective), expected)
    soft = face_loss(reading, FaceTargets(labels, wanted), weights, ObjectiveConfig(soft_labels=True))
    assert not torch.allclose(soft, expected)
    nothing = FaceTargets(torch.full_like(labels, torch.nan), torch.full_like(wanted, torch.nan))
    face_loss(reading, nothing, weights, objective).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))
