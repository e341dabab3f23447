"""A sidecar's surroundings: a store of its own, a folder of releases that it may change."""

import pytest

from tests.service.trainer.small_world import small_release
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture
def surroundings(own_redis, tmp_path):
    """A small release in force, nothing streamed yet."""
    small_release(tmp_path / "releases")
    return Surroundings(own_redis, tmp_path / "releases", tmp_path / "sidecar")
