"""What is logged at a target's time, and lists judged by the truth of the music world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.climber_pilot.benchmark.tamip_figures import LIST_LENGTH, logged_history, same_request, summed
from model.climber_pilot.benchmark.tamip_truth import judge_lists, truth_known
from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.horizon import moments
from model.climber_pilot.user_groups import NUM_GROUPS, group_of
from model.datasets.music_world import true_acceptance
from model.datasets.registry import load_dataset


@given(st.lists(st.integers(0, 50), min_size=2, max_size=12), st.integers(0, 60), st.integers(0, 3))
def test_logged_is_what_lies_before_the_interval(gaps, interval_s, padding):
    time_s = np.cumsum([*[7] * padding, *gaps])
    rows = np.arange(len(time_s))
    log = Histories(["a"], np.array([0, len(rows)]), rows, time_s, np.ones(len(rows), dtype=bool), True)
    targets = Targets(np.array([padding]), np.array([len(rows) - 1]))
    (stop,) = logged_history(log, targets, interval_s).event
    expected = [event for event in range(padding, len(rows) - 1) if time_s[event] < time_s[-1] - interval_s]
    assert list(range(padding, stop)) == expected


def test_sums_count_only_what_is_counted():
    groups = np.array([0, 2, 2, 39])
    kept = summed({"hit": np.array([True, True, False, True])}, groups, np.array([True, True, True, False]))
    assert len(kept["count"]) == NUM_GROUPS
    assert (kept["count"][0], kept["count"][2], kept["count"][39]) == (1, 2, 0)
    assert (kept["hit"][0], kept["hit"][2], kept["hit"][39]) == (1, 1, 0)


@pytest.fixture(scope="module")
def world():
    return load_dataset("music-world", users=30, items=200, days=9, seed=4)


@pytest.fixture(scope="module")
def asked(world):
    histories = Histories.of(world, world.catalogue())
    starts, stops = histories.offsets[:-1], histories.offsets[1:]
    at, owner = moments(starts, stops, steps=2, min_history=3, per_user=4)
    return histories, at, owner


def test_the_best_list_finds_everything_and_the_worst_nothing(world, asked):
    histories, at, owner = asked
    best, worst = [], []
    for start, event, user in zip(at.start, at.event, owner, strict=True):
        likely = true_acceptance(world, histories.user_ids[user], histories.time_s[[event - 1]])[0]
        likely[histories.rows[start:event]] = -1
        order = np.argsort(-likely, kind="stable")
        best.append(order[:LIST_LENGTH])
        worst.append(order[likely[order] >= 0][-LIST_LENGTH:])
    good = judge_lists(world, histories, at, owner, np.array(best))
    bad = judge_lists(world, histories, at, owner, np.array(worst))
    assert good["found"] == pytest.approx(1.0)
    assert good["acceptance"] == pytest.approx(good["best acceptance"])
    assert (bad["acceptance"] < good["any acceptance"]).all()
    assert (good["any acceptance"] < good["best acceptance"]).all()
    assert bad["found"].max() < 0.5


def test_an_echo_is_by_the_last_play_s_artist(world, asked):
    histories, at, owner = asked
    artist = world.items["artist"].list.first().to_numpy()
    last = histories.rows[at.event - 1]
    lists = np.array([np.resize(np.flatnonzero(artist == artist[row]), LIST_LENGTH) for row in last])
    assert judge_lists(world, histories, at, owner, lists)["echo"] == pytest.approx(1.0)
    others = np.array([np.flatnonzero(artist != artist[row])[:LIST_LENGTH] for row in last])
    assert judge_lists(world, histories, at, owner, others)["echo"] == pytest.approx(0.0)


def test_same_request_is_asked_of_the_log(world, asked):
    histories, _, _ = asked
    events = np.arange(1, histories.offsets[1])
    same = same_request(world, Targets(np.zeros_like(events), events))
    request = world.interactions["request_id"].to_list()
    assert same.tolist() == [request[i] is not None and request[i] == request[i - 1] for i in events]
    assert same.any()
    assert not same.all()


def test_the_truth_is_known_of_the_music_world_alone(world):
    assert truth_known(world)
    world_without = type(world)(world.name, world.interactions, world.items, world.instructable)
    assert not truth_known(world_without)
    assert len(set(group_of(["a", "b", "c", "d", "e"]).tolist())) > 1
