"""Switching the attention backend changes no loss and no answer beyond rounding."""

import dataclasses

import numpy as np
import pytest
import torch

from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.network import HistoryBatch, attention_backend
from model.climber_pilot.stages import Training, finetune_step, pretrain_step
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_catalogue, small_config, small_dataset, small_network

STEPS = 20


@pytest.fixture(scope="module")
def interpreter():
    """Triton's interpreter, see tests/conftest.py."""
    pytest.importorskip("triton", reason="the kernels need Triton")
    from kernels.guided_attention.fused import interpreted

    if not interpreted():
        pytest.skip("TRITON_INTERPRET=0: the kernels of this process run on a device")


def golden_losses(attention):
    """Losses of ten pre-training and ten instruction-tuning steps, each from the weights that the last one left."""
    network = {
        **{"num_heads": 1, "num_layers": 1, "num_branches": 1, "max_history": 6},
        **{"dropout": 0.0, "attention": attention},
    }
    config = small_config(network=network, objective={"branch_weights": [1.0]})
    training = Training.prepare(config, small_dataset(users=12, events=10))
    optimiser = torch.optim.SGD(training.model.parameters(), lr=0.05)
    rng, losses = np.random.default_rng(0), []
    for step in range(STEPS):
        batch = training.pieces.batch(np.arange(step % 3, len(training.pieces), 3)[:2])
        take_step = pretrain_step if step < STEPS // 2 else finetune_step
        loss = take_step(training, batch, rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.usefixtures("interpreter")
def test_twenty_steps_have_the_same_losses():
    expected = golden_losses("reference")
    assert len(set(expected)) > STEPS // 2
    np.testing.assert_allclose(golden_losses("fused"), expected, rtol=2e-5)
    assert golden_losses("auto") == expected  # what "auto" means while training on a CPU


def test_answers_are_the_same():
    catalogue = small_catalogue()
    asked = [
        Condition(),
        catalogue.condition({"genre": {"any": ["rock"]}}),
        catalogue.condition({"genre": {"all": ["folk"]}}),
    ]
    conditions = ConditionBatch(condition_table(asked, catalogue.num_words), torch.arange(3).repeat(2, 1))
    time_s = torch.arange(9).repeat(2, 1) * 1000
    history = HistoryBatch(torch.arange(18).view(2, 9) * 2, time_s, torch.tensor([9, 4]))
    answers = {}
    for attention in ("reference", "condition_rows"):
        model = small_network(catalogue, attention=attention)
        with torch.inference_mode():
            answers[attention] = model.query_vectors(model.items(), history, conditions)
    torch.testing.assert_close(answers["condition_rows"], answers["reference"], atol=1e-5, rtol=1e-5)
    assert not torch.equal(answers["condition_rows"], answers["reference"])  # two backends did run


def test_the_setting_names_the_backend():
    assert attention_backend("fused", "cpu", gradients=True) == "fused"
    assert attention_backend("auto", "cpu", gradients=False) == "condition_rows"
    assert attention_backend("auto", "cuda", gradients=True) == "fused"
    assert {field.name: field.default for field in dataclasses.fields(NetworkConfig)}["attention"] == "auto"
