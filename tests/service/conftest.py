"""One redis-server and one service for all tests that leave them as they were."""

import pytest

from tests.model.hand_pose.made_hands import small_release
from tests.service.running import RedisServer, serving, settings_for, wait_until


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path):
    """A redis-server that a test may pause, kill and start again."""
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def hands_root(tmp_path_factory):
    """A folder of hand-pose releases whose current one was trained on made-up hands."""
    return small_release(tmp_path_factory.mktemp("hands"))


@pytest.fixture(scope="session")
def running(release_root, redis_server, hands_root):
    with serving(settings_for(release_root, redis_server.url, hands_root=hands_root)) as service:
        wait_until(lambda: service.client.get("/hands/model").status_code == 200)
        yield service


@pytest.fixture(scope="session")
def history(running):
    """Ten known items as a request carries them."""
    ids = running.catalogue.item_ids[:40:4]
    return [{"item_id": item_id, "event_time_s": 1_700_000_000 + 600 * age} for age, item_id in enumerate(ids)]
