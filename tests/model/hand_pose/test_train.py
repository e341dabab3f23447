import dataclasses
import json

import numpy as np
import pytest
import torch

from model.hand_pose import train as training
from model.hand_pose.checkpoint import load_checkpoint
from model.hand_pose.train import main, train
from tests.model.hand_pose.made_hands import small_config


def test_it_learns(run):
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < 0.7 * log[0]["loss"]
    assert max(row["explained"] for row in log) > 0.3


def test_a_run_that_was_interrupted_ends_the_same(run, stretches, tmp_path, monkeypatch):
    config = small_config()
    calls = 0

    class KilledError(RuntimeError):
        pass

    def dying(*arguments):
        nonlocal calls
        calls += 1
        if calls > 60:
            raise KilledError
        return augmented(*arguments)

    augmented = training.augmented
    with monkeypatch.context() as patch:
        patch.setattr(training, "augmented", dying)
        with pytest.raises(KilledError):
            train(config, stretches, tmp_path, resume=True)
    train(config, stretches, tmp_path, resume=True)
    one, other = load_checkpoint(run), load_checkpoint(tmp_path)
    for name, tensor in one.network.state_dict().items():
        torch.testing.assert_close(tensor, other.network.state_dict()[name], rtol=0, atol=0)
    np.testing.assert_array_equal(one.skeleton.layout.y, other.skeleton.layout.y)


def test_the_checkpoint_carries_its_configuration(run):
    assert load_checkpoint(run).config == small_config()
    assert dataclasses.asdict(load_checkpoint(run).config)["layout"]["bins"] == 16


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    assert main(["--data-dir", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "expected one of" in capsys.readouterr().err
