"""One redis-server and one service for all tests that leave them as they were."""

import pytest

from tests.service.running import RedisServer, serving, settings_for


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
def running(release_root, redis_server):
    with serving(settings_for(release_root, redis_server.url)) as service:
        yield service


@pytest.fixture(scope="session")
def history(running):
    """Ten known items as a request carries them."""
    ids = running.catalogue.item_ids[:40:4]
    return [{"item_id": item_id, "event_time_s": 1_700_000_000 + 600 * age} for age, item_id in enumerate(ids)]
