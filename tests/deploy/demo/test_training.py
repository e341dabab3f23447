"""A training run is done once per data, configuration and code."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo import training
from deploy.demo.source import DataSource
from deploy.demo.training import CONFIGS, OTHER_CONFIG, TrainingRun, shipped_config
from model.climber_pilot.benchmark.configurations import SHIPPED
from model.climber_pilot.config import load_config
from model.datasets.dataset import Dataset
from model.datasets.registry import SOURCES

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text("[pretrain]\nepochs = 1\n")
    return path


@pytest.fixture
def run(music_dataset: Dataset, config: Path, tmp_path: Path) -> TrainingRun:
    return TrainingRun.of(DataSource(music_dataset, None, "asked for"), config, tmp_path / "var")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    found: list[list[str]] = []
    monkeypatch.setattr(training.subprocess, "run", lambda command, **_: found.append(command))
    return found


def test_every_data_set_has_a_configuration_that_exists() -> None:
    assert set(SHIPPED) <= set(SOURCES)
    assert all((ROOT / shipped_config(name)).is_file() for name in SOURCES)
    assert shipped_config("lastfm-1k") == CONFIGS / OTHER_CONFIG


def test_toys_which_have_no_times_are_not_trained_with_a_clock() -> None:
    config = load_config(ROOT / shipped_config("amazon-toys"))
    assert not config.network.request_clock
    assert config.objective.tamip == "off"


def test_the_steps_run_in_order_and_only_once(run: TrainingRun, commands: list[list[str]]) -> None:
    run.complete()
    assert [command[2:4] for command in commands[:2]] == [
        ["model.climber_pilot.train", "pretrain"],
        ["model.climber_pilot.train", "finetune"],
    ]
    assert [command[2] for command in commands[2:]] == ["model.climber_pilot.evaluate", "model.climber_pilot.export"]
    assert {command[0] for command in commands} == {sys.executable}
    run.complete()
    assert len(commands) == 4


def test_a_step_that_failed_is_run_again(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def fail_at_finetune(command: list[str], **_: object) -> None:
        started.append(command[3])
        if command[3] == "finetune":
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(training.subprocess, "run", fail_at_finetune)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            run.complete()
    assert started == ["pretrain", "finetune", "finetune"]


def test_the_same_run_has_the_same_folder_and_any_change_another(
    run: TrainingRun, music_dataset: Dataset, config: Path, tmp_path: Path
) -> None:
    def folder(dataset: Dataset) -> Path:
        return TrainingRun.of(DataSource(dataset, None, ""), config, tmp_path / "var").folder

    assert folder(music_dataset) == run.folder
    fewer = music_dataset.interactions.head(len(music_dataset.interactions) - 1)
    less = Dataset(music_dataset.name, fewer, music_dataset.items, music_dataset.instructable)
    assert folder(less) != run.folder
    config.write_text("[pretrain]\nepochs = 2\n")
    assert folder(music_dataset) != run.folder


def test_a_run_that_is_forgotten_starts_anew(run: TrainingRun, commands: list[list[str]]) -> None:
    run.complete()
    run.forget()
    run.complete()
    assert len(commands) == 8
