import numpy as np
import pytest
import torch

from model.face_description.labels import BAND_YEARS, BANDS, band_of
from model.face_description.losses import (
    age_loss,
    emotion_loss,
    expected_years,
    text_loss,
    unit_loss,
    unit_weights,
)
from model.face_description.train import Training
from model.face_description.vocabulary import PAD
from tests.model.face_description.tiny import CONFIG


def test_units_against_the_definition() -> None:
    rng = np.random.default_rng(0)
    logits, targets, weights = rng.normal(size=(5, 6)), rng.random((5, 6)), rng.random(6)
    p = 1 / (1 + np.exp(-logits))
    entropy = -(weights * (targets * np.log(p) + (1 - targets) * np.log(1 - p))).mean()
    dice = (weights * (1 - (2 * targets * p + 1) / (targets**2 + p**2 + 1))).mean()
    found = unit_loss(*(torch.from_numpy(one) for one in (logits, targets, weights)))
    assert float(found) == pytest.approx(entropy + dice, abs=1e-9)


def test_weights_are_the_inverse_rates_with_mean_one() -> None:
    weights = unit_weights(torch.tensor([0.1, 0.2, 0.4]))
    assert float(weights.mean()) == pytest.approx(1)
    assert float(weights[0] / weights[2]) == pytest.approx(4)


def test_who_has_no_label_has_no_part() -> None:
    emotions, ages = torch.randn(4, 7, requires_grad=True), torch.randn(4, 10, requires_grad=True)
    labelled = torch.tensor([-1, 3, -1, 0])
    assert float(emotion_loss(emotions, labelled).detach()) == pytest.approx(
        float(emotion_loss(emotions[[1, 3]], labelled[[1, 3]]).detach())
    )
    age_loss(ages, torch.tensor([-1.0, 30.0, -1.0, -1.0])).backward()
    assert ages.grad[[0, 2, 3]].abs().sum() == 0
    assert ages.grad[1].abs().sum() > 0
    for nobody in (emotion_loss(emotions, torch.full((4,), -1)), age_loss(ages, torch.full((4,), -1.0))):
        assert float(nobody.detach()) == 0


def test_years_are_the_mean_of_the_bands() -> None:
    sure = torch.full((1, 10), -50.0)
    sure[0, 4] = 50.0
    assert float(expected_years(sure)[0]) == pytest.approx(BAND_YEARS[4])
    assert float(expected_years(torch.zeros(1, 10))[0]) == pytest.approx(float(np.mean(BAND_YEARS)), abs=1e-4)
    assert [band_of(low) for low, _ in BANDS] == [band_of(high) for _, high in BANDS] == list(range(10))


def test_padding_is_not_learnt() -> None:
    logits, tokens = torch.randn(1, 6, 9), torch.tensor([[1, 4, 5, 2, PAD, PAD]])
    assert float(text_loss(logits, tokens)) == pytest.approx(float(text_loss(logits[:, :4], tokens[:, :4])), rel=1e-6)


def test_the_loss_falls_on_a_few_faces(faces) -> None:
    training = Training(CONFIG, faces, faces)
    optimizer = torch.optim.AdamW(training.network.parameters(), 1e-3)
    training.network.train()
    (plan, *_) = training.plans("recognise", 0)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = training.step(plan)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0], losses
