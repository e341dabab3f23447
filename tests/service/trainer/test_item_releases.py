"""Posted items into the release in force, without training."""

import pytest

from model.climber_pilot.inference import Retriever
from model.release import current_release, read_current, roll_back, verify_release
from service.item_codec import StoredItem, pack_item
from service.items import ITEMS
from service.trainer.item_releases import ItemReleases
from service.trainer.jobs import connect
from service.trainer.publication import Publication
from tests.service.trainer.small_world import small_release
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture(autouse=True)
def redis(redis_server):
    with redis_server.client() as client:
        client.delete(ITEMS)
        yield client


@pytest.fixture
def small(redis_server, tmp_path):
    surroundings = Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar")
    surroundings.work_dir.mkdir()
    small_release(surroundings.root)
    return surroundings


@pytest.fixture
def releases(small):
    settings = small.settings(keep_releases=2)
    with connect(settings) as store:
        yield ItemReleases(settings, store, Publication(settings))


def post(redis, item_id, genre="rock"):
    redis.hset(ITEMS, item_id, pack_item(StoredItem(item_id, {"genre": [genre]})))


def items_in_force(small):
    return Retriever.load(current_release(small.root)).catalogue.item_ids[40:]


def test_nothing_posted_makes_nothing(small, releases):
    before = read_current(small.root)
    assert releases.due(posted=False)  # it has not looked yet
    assert releases.make() is None
    assert (read_current(small.root), releases.due(posted=False)) == (before, False)


def test_what_was_posted_is_in_force_at_once(small, releases, redis):
    base = current_release(small.root).name
    post(redis, "one")
    first = releases.make()
    post(redis, "two", "polka")
    second = releases.make()
    assert (read_current(small.root).earlier, items_in_force(small)) == ((first.release_id, base), ["one", "two"])
    # Both have the training of the first, however many came between.
    assert {verify_release(one.path).manifest["facts"]["grown_from"] for one in (first, second)} == {base}
    assert releases.make() is None


def test_old_releases_go(small, releases, redis):
    for number in range(5):
        post(redis, f"item-{number}")
        releases.make()
    pointer = read_current(small.root)
    assert {path.name for path in small.root.iterdir()} == {"current", pointer.release_id, *pointer.earlier}
    assert len(pointer.earlier) == 2


def test_a_rollback_does_not_take_items_away(small, releases, redis):
    post(redis, "one")
    releases.make()
    roll_back(small.root)
    assert (items_in_force(small), releases.due(posted=False)) == ([], True)
    releases.make()
    assert items_in_force(small) == ["one"]


def test_what_was_refused_is_not_made_again(small, releases, redis):
    post(redis, "one")
    made = releases.make()
    roll_back(small.root)
    releases.refused(made.release_id)
    assert releases.make() is None
    post(redis, "two")
    releases.make()
    assert items_in_force(small) == ["one", "two"]


def test_leftovers_of_a_killed_one_are_swept(small, releases, redis):
    left = small.work_dir / ".growth-killed"
    left.mkdir()
    orphan = small_release(small.root, grown_from="20250101T000000Z-00000000")
    roll_back(small.root)
    post(redis, "one")
    releases.make()
    assert not left.exists()
    assert not orphan.path.exists()
