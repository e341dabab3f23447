"""One list per moment is judged by later events, and every listener's moments are spread over what they have."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.horizon import curve, look_ahead, moments, steps_after

ITEMS = 8


def histories(rows, offsets):
    rows = np.array(rows)
    novel = np.concatenate(
        [
            [item not in rows[first:event] for event, item in enumerate(rows[first:stop].tolist(), first)]
            for first, stop in pairwise(offsets)
        ]
    )
    users = [f"u{i}" for i in range(len(offsets) - 1)]
    return Histories(users, np.array(offsets), rows, np.arange(len(rows)), novel, True)


def test_one_moment_per_listener_is_the_last_that_has_all_steps():
    at, owner = moments(np.array([0, 20]), np.array([20, 26]), steps=3, min_history=2, per_user=1)
    assert at.start.tolist() == [0, 20]
    assert at.event.tolist() == [17, 23]
    assert owner.tolist() == [0, 1]


def test_moments_leave_history_before_and_steps_after_and_listeners_without_room_out():
    starts, stops = np.array([0, 100, 104]), np.array([100, 104, 110])
    at, owner = moments(starts, stops, steps=3, min_history=2, per_user=5)
    assert sorted(set(owner.tolist())) == [0, 2]
    assert at.event[owner == 0].tolist() == [2, 25, 49, 73, 97]
    assert at.event[owner == 2].tolist() == [106, 107]
    assert (at.event - at.start >= 2).all()
    assert (at.event + 3 <= stops[owner]).all()


def test_no_listener_has_room():
    at, owner = moments(np.array([0]), np.array([4]), steps=3, min_history=2, per_user=5)
    assert len(at) == len(owner) == 0


def test_ranks_are_by_the_list_of_the_moment_without_what_was_seen_then():
    log = histories([0, 1, 2, 3, 1, 4], [0, 6])
    at = Targets(np.array([0]), np.array([2]))
    scores = torch.tensor([[8.0, 7, 1, 6, 2, 5, 4, 3]])
    ahead = look_ahead(lambda block: scores[block].clone(), log, at, steps_after(at, 4), 3)
    # Items 0 and 1 are seen; of the others 3, 5, 6, 7, 4, 2 is the order.
    assert ahead.ranks[0, [0, 1, 3]].tolist() == [5, 0, 4]
    assert ahead.counted.tolist() == [[True, True, False, True]]
    assert ahead.shown.tolist() == [[3, 5, 6]]
    assert ahead.hit(2).tolist() == [[False, True, False, False]]


def test_seen_items_can_be_kept():
    log = histories([0, 1, 1], [0, 3])
    at = Targets(np.array([0]), np.array([2]))
    scores = torch.arange(ITEMS, 0, -1.0)[None]
    ahead = look_ahead(lambda block: scores[block].clone(), log, at, steps_after(at, 1), 2, exclude_seen=False)
    assert ahead.ranks.tolist() == [[1]]
    assert ahead.counted.all()


def test_curve_is_the_hit_rate_of_the_counted_events_with_an_interval_over_listeners():
    rng = np.random.default_rng(0)
    num_listeners, per_listener = 30, 4
    rows = rng.integers(0, ITEMS, num_listeners * 6)
    log = histories(rows, list(range(0, len(rows) + 1, 6)))
    start = np.repeat(log.offsets[:-1], per_listener)
    at = Targets(start, start + np.tile([1, 2, 3, 4], num_listeners))
    scores = torch.from_numpy(rng.random((len(at), ITEMS)))
    ahead = look_ahead(lambda block: scores[block].clone(), log, at, steps_after(at, 2), 3)
    owner = np.repeat(np.arange(num_listeners), per_listener)
    for step, estimate in enumerate(curve(ahead, owner, 3)):
        counted = ahead.counted[:, step]
        expected = (ahead.ranks[counted, step] < 3).mean()
        assert estimate.mean == pytest.approx(expected)
        assert estimate.low < expected < estimate.high
