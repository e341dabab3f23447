"""A tiny training on made-up faces, shared by the tests that need one that has ended."""

import pytest

from model.face_au.data import load_parts
from model.face_au.train import train
from tests.model.face_au.faces import AUS, small_config, write_weak_set


@pytest.fixture(scope="session")
def weak_root(tmp_path_factory):
    return write_weak_set(tmp_path_factory.mktemp("weak-set"))


@pytest.fixture(scope="session")
def weak_parts(weak_root):
    return load_parts("weak", weak_root, AUS)


@pytest.fixture(scope="session")
def checkpoint_folder(weak_parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("face-au")
    train(small_config(), weak_parts, out, {"dataset": "weak", "fold": 0}, resume=False)
    return out
