"""The two training stages on a small world: what they may see, and that they learn."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional

from model.climber_pilot.condition_batch import ConditionBatch
from model.climber_pilot.stages import Training, finetune_step, popularity, pretrain_step
from tests.model.climber_pilot.worlds import small_config, small_dataset


def losses(step, config, steps=40, dataset=None):
    training = Training.prepare(config, dataset or small_dataset())
    optimizer = torch.optim.AdamW(training.model.parameters(), lr=0.01)
    found = []
    for number in range(steps):
        pieces = training.pieces.epoch(16, np.random.default_rng(number))[0]
        loss = step(training, training.pieces.batch(pieces), np.random.default_rng(number))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


@pytest.mark.parametrize(
    "objective",
    [
        {"tamip": "readout"},
        {"tamip": "mask"},
        {"tamip": "off"},
        {"loss": "sampled_softmax", "num_uniform_negatives": 20},
        {"loss": "sampled_softmax", "num_uniform_negatives": 20, "in_batch_negatives": False, "log_q": False},
        {"targets": "all", "label_smoothing": 0.1},
    ],
    ids=lambda objective: "-".join(str(value) for value in objective.values()),
)
@pytest.mark.parametrize("step", [pretrain_step, finetune_step])
def test_the_loss_falls(step, objective):
    found = losses(step, small_config(objective=objective))
    assert np.mean(found[-5:]) < 0.93 * np.mean(found[:5])


def test_eligible_negatives_make_the_task_easier():
    easier = losses(finetune_step, small_config(finetune={"eligible_negatives": True, "unconditioned_share": 0.0}), 3)
    harder = losses(finetune_step, small_config(finetune={"eligible_negatives": False, "unconditioned_share": 0.0}), 3)
    assert easier[0] < harder[0] - 0.5


def test_eligible_negatives_are_those_of_each_targets_own_condition():
    """One step against the cross-entropy written out: conditioned rows among eligible items, the others among all."""
    config = small_config(
        network={"dropout": 0.0, "num_branches": 1},
        objective={"branch_weights": (1.0,), "tamip": "off", "label_smoothing": 0.1},
        finetune={"eligible_negatives": True, "unconditioned_share": 0.4},
    )
    training = Training.prepare(config, small_dataset())
    batch = training.pieces.batch(np.arange(12))
    got = float(finetune_step(training, batch, np.random.default_rng(3)).detach())
    model, history = training.model, batch.history
    entries = torch.from_numpy(training.sampler.draw(history.rows.numpy(), 0.4, np.random.default_rng(3)))
    raw = model.items()
    position = torch.arange(history.rows.shape[1]).expand_as(history.rows) - 1
    conditions = ConditionBatch(training.sampler.table, entries)
    queries = model.branch(0, model.backbone(raw, history), history, position.clamp(min=0), conditions)
    logits = (queries @ model.scored(raw).T / config.network.temperature).detach()
    total, count, kinds = 0.0, 0, set()
    for place in batch.target_ok.nonzero().tolist():
        entry, target, row = int(entries[tuple(place)]), int(history.rows[tuple(place)]), logits[tuple(place)]
        kinds.add(entry > 0)
        if entry:
            allowed = torch.from_numpy(training.catalogue.satisfying(training.sampler.conditions[entry]))
            total += float(row[allowed].logsumexp(0) - row[target])
        else:
            total += float(functional.cross_entropy(row, torch.tensor(target), label_smoothing=0.1))
        count += 1
    assert kinds == {True, False}
    assert got == pytest.approx(total / count, rel=1e-4)


def test_no_gradient_reaches_an_item_inside_a_targets_safety_interval():
    """One user, one target: the items between the readout and the target must get no gradient through the history."""
    dataset = small_dataset(users=1, events=8)
    times = [0, 1_000, 2_000, 10_000, 10_100, 10_200, 20_000, 30_000]
    interactions = dataset.interactions.with_columns(
        event_time_s=pl.Series(times), item_id=pl.Series([f"track-{i}" for i in (1, 5, 9, 13, 17, 21, 25, 29)])
    )
    training = Training.prepare(small_config(network={"dropout": 0.0}), replace(dataset, interactions=interactions))
    batch = training.pieces.batch(np.array([0]))
    only = torch.zeros_like(batch.target_ok)
    only[0, 5] = True  # at 10,200 s: the events at 10,000 and 10,100 lie inside 900 s
    raw = training.model.items().detach().requires_grad_()
    # Scoring against a constant, so that gradients can come through the history alone.
    constant = torch.randn(raw.shape)
    training.model.items.forward = lambda: raw
    training.model.scored = lambda vectors: vectors if vectors is not raw else constant
    pretrain_step(training, replace(batch, target_ok=only), np.random.default_rng(0)).backward()
    touched = raw.grad.abs().amax(-1) > 0
    assert [bool(touched[row]) for row in (1, 5, 9)] == [True, True, True]
    assert [bool(touched[row]) for row in (13, 17, 21)] == [False, False, False]


def test_targets_without_visible_history_are_dropped():
    dataset = small_dataset(users=4, events=6)
    same_time = dataset.interactions.with_columns(event_time_s=pl.lit(1_000, pl.Int64))
    training = Training.prepare(small_config(), replace(dataset, interactions=same_time))
    batch = training.pieces.batch(np.arange(4))
    loss = pretrain_step(training, batch, np.random.default_rng(0))
    assert float(loss.detach()) == 0.0
    targets, dropped = training.count_targets()
    assert targets == dropped > 0


def test_a_dataset_without_times_needs_tamip_off():
    dataset = small_dataset()
    timeless = replace(dataset, interactions=dataset.interactions.with_columns(event_time_s=pl.lit(None, pl.Int64)))
    with pytest.raises(ValueError, match="event times"):
        Training.prepare(small_config(), timeless)
    found = losses(pretrain_step, small_config(objective={"tamip": "off"}), 3, timeless)
    assert np.isfinite(found).all()


def test_popularity_counts_training_events_only():
    training = Training.prepare(small_config(), small_dataset())
    counts = popularity(training.split, 40)
    assert counts.sum() == (training.split.train_stop - training.split.histories.offsets[:-1]).sum()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("step", [pretrain_step, finetune_step])
def test_a_step_on_a_device_has_the_loss_of_the_cpu(step):
    found = []
    for device in ("cpu", "cuda"):
        training = Training.prepare(small_config(network={"dropout": 0.0}), small_dataset(), device)
        batch = training.pieces.batch(np.arange(16))
        found.append(float(step(training, batch, np.random.default_rng(0)).detach()))
    assert found[1] == pytest.approx(found[0], rel=1e-3)
