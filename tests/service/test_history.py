from collections import Counter

import numpy as np
import pytest

from service.history import known_rows, merge_events, use_history
from service.history_codec import HistoryEvent
from tests.model.climber_pilot.worlds import small_catalogue


def event(item, event_time_s):
    return HistoryEvent(f"track-{item}", event_time_s)


def test_merged_by_time_without_repeats():
    stored = [event(1, 10), event(2, 20)]
    sent = [event(3, 15), event(2, 20), event(1, 20), event(1, 5)]
    assert merge_events(stored, sent) == [event(1, 5), event(1, 10), event(3, 15), event(2, 20), event(1, 20)]


def test_unknown_items_are_counted_and_left_out():
    used = use_history(small_catalogue(), [event(1, 10), event(900, 11)], [event(900, 12), event(0, 13)])
    assert used.rows.tolist() == [1, 0]
    assert used.time_s.tolist() == [10, 13]
    assert used.unknown == Counter({"track-900": 2})
    assert used.rows.dtype == used.time_s.dtype == np.int64


@pytest.mark.parametrize(
    ("stored", "sent", "source"),
    [
        ([], [], "none"),
        ([event(1, 1)], [], "store"),
        ([], [event(1, 1)], "body"),
        ([event(1, 1)], [event(2, 1)], "both"),
    ],
)
def test_source(stored, sent, source):
    assert use_history(small_catalogue(), stored, sent).source == source


def test_known_rows():
    rows, unknown = known_rows(small_catalogue(), ["track-3", "x", "track-1", "x"])
    assert (rows.tolist(), unknown) == ([3, 1], {"x": 2})
