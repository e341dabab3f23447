import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hand_pose.config import CursorConfig
from model.hand_pose.cursor import Cursor, Steps
from model.hand_pose.measures import jitter
from model.hand_pose.turning_point import TurningPointHold

FRAME_S = 1 / 30
CONFIG = CursorConfig()


def followed(places, steps=Steps(), confidence=1.0):  # noqa: B008
    cursor = Cursor(CONFIG, steps)
    return [cursor.follow(number * FRAME_S, place, confidence) for number, place in enumerate(places)]


def test_without_steps_the_cursor_is_the_hand():
    places = [(float(x), float(y)) for x, y in np.random.default_rng(0).random((50, 2))]
    points = followed(places, Steps(hold=False, one_euro=False))
    assert [point.position for point in points] == places
    assert {point.state for point in points} == {"moving"}


def test_a_straight_move_is_never_held():
    points = followed([(0.1 + 0.02 * number, 0.5) for number in range(40)])
    assert {point.state for point in points} == {"moving"}


def test_a_reversal_is_held_until_the_hand_is_clear_of_it():
    out = [(0.1 + 0.02 * number, 0.5) for number in range(20)]
    points = followed(out + out[::-1], Steps(one_euro=False))
    held = [point for point in points if point.state == "hold"]
    assert held
    assert {point.position for point in held} == {held[0].position}
    # The last one given back before it was held, not where the hand was when its turn was noticed.
    assert points[points.index(held[0]) - 1].position == held[0].position
    assert points[-1].position == pytest.approx(out[0])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=120))
def test_no_hold_outlasts_its_time_and_what_is_shown_lies_among_what_was_seen(places):
    hold = TurningPointHold(CONFIG)
    in_a_row, longest = 0, 0
    for place in places:
        x, y = hold.steadied(place, FRAME_S)
        in_a_row = in_a_row + 1 if hold.holding else 0
        longest = max(longest, in_a_row)
        assert min(p[0] for p in places) - 1e-9 <= x <= max(p[0] for p in places) + 1e-9
        assert min(p[1] for p in places) - 1e-9 <= y <= max(p[1] for p in places) + 1e-9
    assert longest <= CONFIG.hold_s / FRAME_S + 1


def test_a_jump_of_an_unsure_hand_is_not_followed_and_of_a_sure_one_is():
    steps = Steps(hold=False, one_euro=False)
    places = [(0.1, 0.1), (0.9, 0.9)]
    assert followed(places, steps, confidence=0.2)[1].position == (0.1, 0.1)
    assert followed(places, steps, confidence=0.9)[1].position == (0.9, 0.9)


def test_a_lost_hand_keeps_the_cursor_for_a_while_and_begins_anew():
    cursor = Cursor(CONFIG)
    cursor.follow(0.0, (0.2, 0.2))
    soon, late = cursor.miss(0.3), cursor.miss(0.5)
    assert (soon.position, soon.state, soon.raw) == ((0.2, 0.2), "lost", None)
    assert late.position is None
    # Nothing of the old place is left in the filters.
    assert cursor.follow(1.0, (0.8, 0.8)).position == (0.8, 0.8)


def test_a_hand_never_seen_has_no_cursor():
    assert Cursor(CONFIG).miss(0.0).position is None


def test_the_steps_take_jitter_away():
    random = np.random.default_rng(0)
    still = 0.5 + 0.01 * random.standard_normal((200, 2))
    shown = np.array([point.position for point in followed([(float(x), float(y)) for x, y in still])])
    assert jitter([shown[30:]]) < 0.3 * jitter([still])


def test_a_clock_that_stands_still_is_no_division_by_zero():
    cursor = Cursor(CONFIG)
    cursor.follow(1.0, (0.2, 0.2))
    x, y = cursor.follow(1.0, (0.3, 0.3)).position
    assert np.isfinite([x, y]).all()
