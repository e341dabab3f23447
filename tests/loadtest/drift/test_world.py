import numpy as np
import polars as pl
import pytest

from loadtest.drift.world import DriftingWorld
from model.datasets.music_world import END_S
from model.datasets.world_tracks import DAY_S, make_tracks, track_ids


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


def test_tracks_of_the_last_18_months_are_played_as_much_as_published():
    seed, items, days = 1, 2_000, 30
    world = DriftingWorld.simulate(users=200, items=items, before=days - 10, days=10, premieres=0.03, seed=seed)
    tracks = make_tracks(np.random.default_rng(seed), items, END_S - days * DAY_S, END_S, premieres=0.03)
    released = pl.DataFrame({"item_id": track_ids(tracks), "released_s": tracks.released_s})
    plays = world.events.filter(pl.col("event_time_s") >= world.start_s(1)).join(released, on="item_id")
    current = plays["event_time_s"] - plays["released_s"] <= 548 * DAY_S
    assert current.mean() == pytest.approx(0.27, abs=0.03)
