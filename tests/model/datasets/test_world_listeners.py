"""The logging policy's propensities are the frequencies with which it shows what it shows."""

import numpy as np
import pytest

from model.datasets.world_listeners import LoggingPolicy, make_listeners
from model.datasets.world_tracks import DAY_S, make_tracks
from model.datasets.world_trends import Trends, promotion


@pytest.fixture(scope="module")
def policy_and_tracks():
    rng = np.random.default_rng(0)
    tracks = make_tracks(rng, 300, 1_000_000_000, 1_000_000_000 + 10 * DAY_S)
    listeners = make_listeners(rng, 3, tracks, 10)
    promoted = promotion(
        rng, tracks, 1_000_000_000, listeners.period_s, listeners.factor.shape[1], Trends(launch=2.0, spread=0.5)
    )
    policy = LoggingPolicy(tracks, listeners, promoted, 1_000_000_000)
    for user in (2, 0):  # any order, and listener 1 not at all yet
        policy.move_to(np.array([user]), np.array([1_000_000_000]))
    return policy, tracks


@pytest.mark.parametrize("anchor", [-1, 0, 17])
def test_the_first_slots_propensity_is_its_frequency(policy_and_tracks, anchor):
    policy, tracks = policy_and_tracks
    requests = 40_000
    users = np.full(requests, 2)
    keep = np.tile([0.3, 0.4], (requests, 1))
    shown, propensity = policy.expose(np.random.default_rng(1), users, np.full(requests, anchor), keep, 4)
    first = shown[:, 0]
    frequency = np.bincount(first, minlength=len(tracks)) / requests
    told = np.zeros(len(tracks))
    told[first] = propensity[:, 0]
    assert told.sum() == pytest.approx(1.0, abs=0.01)
    assert np.abs(frequency - told).max() < 0.01


def test_later_slots_are_told_given_the_slots_before(policy_and_tracks):
    policy, tracks = policy_and_tracks
    requests = 60_000
    users, anchor = np.zeros(requests, dtype=np.int64), np.full(requests, 5)
    keep = np.tile([0.3, 0.4], (requests, 1))
    shown, propensity = policy.expose(np.random.default_rng(2), users, anchor, keep, 3)
    top = np.bincount(shown[:, 0]).argmax()
    after_top = shown[:, 0] == top
    second = shown[after_top, 1]
    frequency = np.bincount(second, minlength=len(tracks)) / after_top.sum()
    told = np.zeros(len(tracks))
    told[second] = propensity[after_top, 1]
    assert np.abs(frequency - told).max() < 0.015
    assert frequency[top] == 0.0


def test_songs_that_are_not_out_yet_are_not_shown(policy_and_tracks):
    policy, tracks = policy_and_tracks
    early = np.flatnonzero(tracks.released_s > 1_000_000_000)
    assert len(early) > 0
    users = np.zeros(5_000, dtype=np.int64)
    shown, _ = policy.expose(
        np.random.default_rng(3), users, np.full(5_000, early[0]), np.tile([0.3, 0.4], (5_000, 1)), 4
    )
    assert not np.isin(shown, early).any()
