"""Assignment: distinct users per arm, and the test of their shares."""

import pytest

from loadtest.replay.assignment import Assignment
from loadtest.replay.log import HeldLog
from loadtest.replay.simulation import simulate, world

pytest.importorskip("scipy", reason="scipy is not installed: pip install .[bench]")
EQUAL = {"control": 0.5, "treatment": 0.5}


def assignment_of(arms, num_users):
    found = Assignment()
    frame = simulate(world(0), 0, num_users=num_users, arms=arms)
    half = len(frame) // 6 * 3
    for part in (frame[:half], frame[half:]):
        (exposures,) = HeldLog(part).batches()
        found.add(exposures)
    return found


def test_users_are_counted_once_however_often_they_come():
    found = assignment_of(EQUAL, 500)
    assert sum(found.users().values()) == found.num_users() == 500
    assert found.crossed() == 0


def test_a_planted_mismatch_is_found_and_equal_shares_are_not():
    planted = assignment_of({"control": 0.52, "treatment": 0.48}, 20_000).ratio_test(EQUAL)
    assert planted.mismatch
    meant = assignment_of(EQUAL, 20_000).ratio_test(EQUAL)
    assert not meant.mismatch


def test_shares_that_do_not_fit_the_arms_are_refused():
    found = assignment_of(EQUAL, 50)
    for shares in ({"control": 1.0}, {"control": 0.5, "treatment": 0.6}, {"control": 1.0, "treatment": 0.0}):
        with pytest.raises(ValueError, match="expected positive shares"):
            found.ratio_test(shares)
