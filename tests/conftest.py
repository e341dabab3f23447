"""Fixtures that several parts share."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Read when Triton is first imported; TRITON_INTERPRET=0 pytest -m gpu runs the kernels on a device instead.
os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
import torch

from model.climber_pilot.export import export_release
from model.climber_pilot.train import train
from model.datasets.registry import load_dataset
from tests.model.climber_pilot.worlds import small_config
from tests.model.face_description.tiny import tiny_release

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def music_dataset():
    """A small simulated world: listeners, tracks, requests and plays."""
    return load_dataset("music-world", users=120, items=400, days=20, seed=7)


@pytest.fixture(scope="session")
def music_checkpoint(music_dataset, tmp_path_factory):
    """A Climber-Pilot trained for two short stages on the small world."""
    out = tmp_path_factory.mktemp("music-checkpoint")
    config = small_config(network={"max_history": 30}, objective={"held_out_user_share": 0.1})
    train("pretrain", config, music_dataset, out, resume=False)
    train("finetune", config, music_dataset, out, resume=False)
    return out


@pytest.fixture(scope="session")
def release_root(music_checkpoint, tmp_path_factory):
    """A folder of releases whose current one is the small Climber-Pilot."""
    root = tmp_path_factory.mktemp("releases")
    export_release(music_checkpoint, root)
    return root


@pytest.fixture(scope="session")
def description_root(tmp_path_factory):
    """A folder of releases whose current one describes faces with random weights; its graphs take long to export."""
    return tiny_release(tmp_path_factory.mktemp("descriptions"), thresholds=0.2)
