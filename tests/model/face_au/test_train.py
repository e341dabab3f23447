import json

import pytest
import torch

from model.face_au.checkpoint import load_checkpoint
from model.face_au.folds import Parts
from model.face_au.train import main, train
from model.training import LOG_FILE
from tests.model.face_au.faces import drawn_frames, small_config

STILL = {"rotation_deg": 0.0, "shift": 0.0, "scale": 0.0, "brightness": 0.0, "contrast": 0.0}


def test_the_loss_falls_on_32_faces_and_their_units_are_learned(tmp_path) -> None:
    frames = drawn_frames(tmp_path / "train", 32)
    parts = Parts(frames, drawn_frames(tmp_path / "val", 32, seed=1), drawn_frames(tmp_path / "test", 2, seed=2))
    stage = {"epochs": 12, "learning_rate": 1e-2, "batch_size": 16}
    config = small_config(stage=stage, augmentation=STILL)
    checkpoint = train(config, parts, tmp_path / "out", {"dataset": "weak", "fold": 0}, resume=False)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "out" / LOG_FILE).read_text().splitlines()]
    assert losses[-1] < losses[0] / 3
    assert checkpoint.facts["validation"]["mean_auc"] > 0.9


def test_a_training_that_ended_is_read_back_as_it_was(checkpoint_folder, weak_parts) -> None:
    loaded = load_checkpoint(checkpoint_folder)
    assert loaded.config == small_config()
    assert set(loaded.facts["thresholds"]) == set(loaded.config.network.aus)
    assert loaded.facts["parts"]["train"] == len(weak_parts.train)
    torch.testing.assert_close(loaded.network.prior, weak_parts.train.prior())
    torch.testing.assert_close(loaded.network.mean_landmarks, weak_parts.train.mean_landmarks())
    assert not loaded.network.training


def test_resuming_goes_on_with_the_same_and_refuses_another(tmp_path, weak_parts) -> None:
    facts = {"dataset": "weak", "fold": 0}
    whole = train(small_config(), weak_parts, tmp_path / "whole", facts, resume=False)
    again = train(small_config(), weak_parts, tmp_path / "whole", facts, resume=True)
    assert again.facts["thresholds"] == whole.facts["thresholds"]
    with pytest.raises(ValueError, match="expected the configuration"):
        train(small_config(stage={"seed": 5}), weak_parts, tmp_path / "whole", facts, resume=True)
    with pytest.raises(ValueError, match="expected fold"):
        train(small_config(), weak_parts, tmp_path / "whole", facts | {"fold": 1}, resume=True)


def test_a_folder_without_a_finished_training_is_no_checkpoint(tmp_path) -> None:
    with pytest.raises(ValueError, match="found none"):
        load_checkpoint(tmp_path)


def test_the_command_says_what_is_missing(tmp_path, capsys) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[network]\nunknown = 1\n")
    arguments = ["--config", str(config), "--dataset", "weak", "--data-dir", str(tmp_path), "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "unknown" in capsys.readouterr().err
