"""Training on two ranks is training on one: the same files, whoever begins or goes on."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.train import train
from tests.model.climber_pilot.worlds import small_config, small_dataset
from tests.model.processes import on_ranks

CONFIGS = {
    "full softmax, literal mask": {
        "objective": {"tamip": "mask", "label_smoothing": 0.1},
        "finetune": {"eligible_negatives": True, "unconditioned_share": 0.4},
    },
    "sampled softmax, two hashes": {
        "network": {"id_hashes": 2, "id_buckets": 31, "title_buckets": 64, "item_combine": "project"},
        "objective": {"loss": "sampled_softmax", "num_uniform_negatives": 20},
    },
}


def config_of(name, epochs=2):
    # Without dropout: every rank draws its own.
    sections = CONFIGS[name]
    network = {"dropout": 0.0} | sections.get("network", {})
    return small_config(**sections | {"network": network, "pretrain": {"epochs": epochs, "clip_norm": 0.5}})


def both_stages(ranks, name, out):
    for stage in ("pretrain", "finetune"):
        train(stage, config_of(name), small_dataset(users=24), out / name, resume=False, ranks=ranks)


def on_two(ranks, out, cut):
    for name in CONFIGS:
        both_stages(ranks, name, out)
    # What one process began, two finish.
    name = next(iter(CONFIGS))
    train("pretrain", config_of(name), small_dataset(users=24), cut, resume=True, ranks=ranks)
    return torch.initial_seed()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for name in CONFIGS:
        both_stages(None, name, one)
    cut, name = one / "cut", next(iter(CONFIGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training._validate", stopped_after(1))
        with pytest.raises(InterruptedError):
            train("pretrain", config_of(name), small_dataset(users=24), cut, resume=False)
    seeds = on_ranks(2, on_two, two, cut)
    assert seeds[0] != seeds[1]  # ranks drop out differently
    return one, two, cut


def stopped_after(epochs):
    from model.training import _validate

    seen = []

    def validate(module, evaluate):
        seen.append(None)
        if len(seen) > epochs:
            raise InterruptedError
        return _validate(module, evaluate)

    return validate


def logged(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_same(found, expected):
    assert [set(line) for line in logged(found)] == [set(line) for line in logged(expected)]
    for line, other in zip(logged(found), logged(expected), strict=True):
        assert line == pytest.approx(other, rel=1e-4, abs=1e-6)
    for file in ("weights.safetensors", "state.safetensors"):
        tensors, others = load_file(found / file), load_file(expected / file)
        assert tensors.keys() == others.keys()
        for name, tensor in tensors.items():
            # A bias of the keys moves all scores of a query alike: its gradient is rounding, which AdamW enlarges.
            rows = slice(len(tensor) // 2, None) if tensor.ndim and name.endswith("to_key_value.bias") else ...
            torch.testing.assert_close(
                tensor[rows], others[name][rows], rtol=2e-3, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}"
            )


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_two_ranks_train_what_one_trains(folders, name, stage):
    one, two, _ = folders
    assert_same(two / name / stage, one / name / stage)
    checkpoint = load_checkpoint(two / name / stage)
    assert checkpoint.facts["ranks"] == 2
    assert checkpoint.config == dataclasses.replace(config_of(name))


def test_two_ranks_go_on_where_one_stopped(folders):
    one, _, cut = folders
    assert_same(cut / "pretrain", one / next(iter(CONFIGS)) / "pretrain")
