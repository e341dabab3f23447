import pytest

from loadtest.drift.world import DriftingWorld


@pytest.fixture(scope="module")
def world():
    return DriftingWorld.simulate(users=20, items=200, before=4, days=3, premieres=0.3, seed=0)


def test_days_follow_each_other_without_a_gap(world):
    streamed = [world.events_of(day) for day in (1, 2, 3)]
    total = len(world.events_before(1)) + sum(map(len, streamed))
    assert total == len(world.events) == len(world.dataset.interactions)
    for day, events in enumerate(streamed, 1):
        assert events["event_time_s"].is_between(world.start_s(day), world.start_s(day + 1) - 1).all()
        assert events["event_time_s"].is_sorted()


def test_items_are_there_from_the_day_they_come_out(world):
    assert len(world.items_before(1)) < len(world.dataset.items)
    for day in (1, 2, 3):
        assert len(world.items_before(day)) + len(world.items_of(day)) == len(world.items_before(day + 1))
        played = world.events_of(day)["item_id"]
        assert played.is_in(world.items_before(day + 1)["item_id"].implode()).all()
    assert world.items_before(4).equals(world.dataset.items)


def test_the_first_model_sees_nothing_of_the_stream(world):
    before = world.before_the_stream()
    assert (before.interactions["event_time_s"] < world.start_s(1)).all()
    assert before.interactions["item_id"].is_in(before.items["item_id"].implode()).all()


def test_a_listener_finds_an_item_once(world):
    found = world.events.filter("novel").select("user_id", "item_id")
    assert len(found) == found.n_unique() == world.events.select("user_id", "item_id").n_unique()
