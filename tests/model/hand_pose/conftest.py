"""One training for all tests that only look at it."""

import pytest

from model.hand_pose.train import train
from tests.model.hand_pose.made_hands import made_stretches, small_config


@pytest.fixture(scope="session")
def stretches():
    return made_stretches()


@pytest.fixture(scope="session")
def run(stretches, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hand-run")
    train(small_config(), stretches, folder, resume=False)
    return folder
