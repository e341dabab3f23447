"""One redis-server and one service for all tests that leave them as they were."""

import pytest

from service.artwork import networks
from service.descriptions import desk
from tests.model.hand_pose.made_hands import small_release
from tests.service.artwork.tiny import tiny_front_end, tiny_matchers, tiny_settings, write_tiny_root
from tests.service.descriptions.finder import NO_FACE, SMALL_FACE, TWO_FACES, DrawnFinder, picture
from tests.service.faces.serving_faces import cover_faces_root, face_settings, faces, faces_root, squares  # noqa: F401
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


@pytest.fixture(scope="session")
def artwork_settings():
    """Settings of a service of covers, as a function of its root; its networks are tiny ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "assemble", tiny_front_end)
        patch.setattr(networks, "load_matchers", tiny_matchers)
        yield tiny_settings


@pytest.fixture
def artwork_root(tmp_path):
    root = tmp_path / "artwork"
    root.mkdir()
    write_tiny_root(root)
    return root


@pytest.fixture(scope="session")
def covers(artwork_settings, tmp_path_factory):
    """A running service that tests may ask and not change."""
    root = tmp_path_factory.mktemp("artwork")
    write_tiny_root(root)
    with serving(artwork_settings(root)) as service:
        yield service


@pytest.fixture
def own_covers(artwork_settings, artwork_root):
    """A running service that a test may add to."""
    with serving(artwork_settings(artwork_root)) as service:
        yield service


@pytest.fixture(scope="session")
def cover_folder(tmp_path_factory):
    """Pictures of covers, and one beside them that nobody may have."""
    folder = tmp_path_factory.mktemp("covers")
    for name, content in (
        ("blue", picture()),
        ("nobody", picture(NO_FACE)),
        ("small", picture(SMALL_FACE)),
        ("two", picture(TWO_FACES)),
        ("broken", b"\xff\xd8\xff" + b"0" * 50),
    ):
        (folder / f"{name}.png").write_bytes(content)
    (folder.parent / "secret.png").write_bytes(picture())
    return folder


@pytest.fixture(scope="session")
def describing(description_root, cover_folder, redis_server, tmp_path_factory):
    """A running service that describes faces and does nothing else; its finder knows the pictures by their width."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "FaceLandmarker", DrawnFinder)
        settings = settings_for(
            tmp_path_factory.mktemp("no-recommender"),
            redis_server.url,
            face_description_root=description_root,
            cover_images=cover_folder,
            max_image_bytes=400_000,
            listener_faces=True,
        )
        with serving(settings, ready=False) as service:
            wait_until(lambda: service.client.get("/faces/regions", params={"cover": "blue"}).status_code == 200)
            yield service
