"""Histories and the leave-one-out split against plain Python."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.climber_pilot.histories import Histories, leave_one_out
from model.datasets.dataset import Dataset
from tests.model.climber_pilot.worlds import small_catalogue, small_dataset, small_items

CATALOGUE = small_catalogue()


def dataset_of(users):
    rows = [
        (f"u{number:03d}", f"track-{item}", 100 * event)
        for number, items in enumerate(users)
        for event, item in enumerate(items)
    ]
    schema = {"user_id": pl.String, "item_id": pl.String, "event_time_s": pl.Int64}
    return Dataset("made", pl.DataFrame(rows, schema=schema, orient="row"), small_items(), ("genre",))


@settings(max_examples=100, deadline=None)
@given(
    users=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=9), min_size=1, max_size=6),
    targets=st.sampled_from(["novel", "all"]),
)
def test_leave_one_out_is_the_definition(users, targets):
    histories = Histories.of(dataset_of(users), CATALOGUE)
    split = leave_one_out(histories, targets)
    expected_validation, expected_test = [], []
    for number, items in enumerate(users):
        first = sum(map(len, users[:number]))
        events = [e for e in range(len(items)) if targets == "all" or items[e] not in items[:e]]
        if len(events) < 3:
            assert split.train_stop[number] == first + len(items)
            continue
        assert split.train_stop[number] == first + events[-2]
        expected_validation.append(first + events[-2])
        expected_test.append(first + events[-1])
    assert split.validation.event.tolist() == expected_validation
    assert split.test.event.tolist() == expected_test
    assert not len(split.unseen)


def test_held_out_users_are_not_trained_on():
    histories = Histories.of(small_dataset(users=200), CATALOGUE)
    split = leave_one_out(histories, "all", 0.2)
    assert 20 < len(split.unseen) < 60
    assert len(split.unseen) + len(split.test) == 200
    trained = set()
    for first, stop in zip(histories.offsets[:-1], split.train_stop, strict=True):
        trained.update(range(first, stop))
    for start, stop in zip(split.unseen_start, split.unseen_stop, strict=True):
        assert not trained & set(range(start, stop))
    again = leave_one_out(histories, "all", 0.2)
    assert again.unseen.event.tolist() == split.unseen.event.tolist()


def test_no_split_trains_on_what_it_tests():
    histories = Histories.of(small_dataset(), CATALOGUE)
    split = leave_one_out(histories, "novel")
    owner = {event: user for user in range(len(histories)) for event in range(*histories.offsets[user : user + 2])}
    for targets in (split.validation, split.test):
        for event in targets.event.tolist():
            assert split.train_stop[owner[event]] <= event


def test_an_unknown_item_and_unsorted_users_are_refused():
    dataset = dataset_of([[1, 2, 3], [4, 5]])
    with pytest.raises(ValueError, match="track-5"):
        Histories.of(dataset, small_catalogue(5))
    mixed = Dataset("mixed", dataset.interactions.sort("event_time_s"), dataset.items, ("genre",))
    with pytest.raises(ValueError, match="sorted by user"):
        Histories.of(mixed, CATALOGUE)


def test_missing_times_are_remembered():
    dataset = dataset_of([[1, 2, 3]])
    timeless = Dataset(
        "order", dataset.interactions.with_columns(event_time_s=pl.lit(None, pl.Int64)), dataset.items, ("genre",)
    )
    histories = Histories.of(timeless, CATALOGUE)
    assert not histories.has_times
    assert histories.rows.tolist() == [1, 2, 3]
