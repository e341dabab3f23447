"""The archive against a list of events in memory."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.trainer import archive as archive_file
from service.trainer.archive import DAY_S, SCHEMA, Archive
from service.trainer.event_stream import entry_order


def rows(*events):
    """(entry, event_id, user_id, event_time_s) as archived events."""
    full = [
        {
            "entry": entry_order(f"{entry}-0"),
            "event_id": event_id,
            "user_id": user_id,
            "item_id": f"item-{event_id}",
            "event_time_s": at,
            "type": "play",
            "request_id": None,
        }
        for entry, event_id, user_id, at in events
    ]
    return pl.DataFrame(full, schema=SCHEMA)


def ids(archive, days=100_000.0):
    return sorted(archive.window(days, ["play"])["event_id"].to_list())


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def test_a_day_has_its_folder_and_an_event_its_place(archive, tmp_path):
    assert archive.add(rows((1, "a", "ann", 10), (2, "b", "bob", DAY_S + 5), (3, "c", "ann", 7))) == 3
    assert sorted(path.name for path in tmp_path.glob("day=*")) == ["day=1970-01-01", "day=1970-01-02"]
    found = archive.window(100, ["play"])
    assert found["event_id"].to_list() == ["c", "a", "b"]
    assert found.schema == SCHEMA


def test_an_event_that_comes_again_is_there_once(archive):
    archive.add(rows((1, "a", "ann", 10), (2, "b", "ann", 20)))
    assert archive.add(rows((2, "b", "ann", 20), (3, "c", "ann", 30), (4, "c", "ann", 30))) == 1
    assert archive.add(rows((1, "a", "ann", 10))) == 0
    # Under one id with another time, hence on another day: the first entry wins.
    archive.add(rows((9, "a", "ann", 5 * DAY_S)))
    assert archive.window(100, ["play"]).filter(pl.col("event_id") == "a")["event_time_s"].to_list() == [10]


def test_an_erased_user_is_gone_and_stays_so(archive, tmp_path):
    archive.add(rows((1, "a", "ann", 10), (2, "b", "bob", 20), (3, "c", "ann", 2 * DAY_S)))
    assert archive.erase("ann", entry_order("5-0")) == 2
    assert ids(archive) == ["b"]
    # One that another consumer had read and not finished, and one of a user who has come back.
    assert archive.add(rows((4, "d", "ann", 40), (6, "e", "ann", 50))) == 1
    assert ids(archive) == ["b", "e"]
    assert not any(b"item-a" in path.read_bytes() for path in tmp_path.rglob("*.parquet"))


def test_erasing_again_changes_nothing(archive):
    archive.add(rows((1, "a", "ann", 10), (6, "e", "ann", 50)))
    assert [archive.erase("ann", entry_order("5-0")) for _ in range(2)] == [1, 0]
    assert ids(archive) == ["e"]


def test_an_erased_users_id_is_forgotten_once_nothing_older_can_come(archive, tmp_path):
    archive.erase("ann", entry_order("5-0"))
    archive.forget_erasures(entry_order("4-0"))
    assert "ann" in (tmp_path / "erasures.json").read_text()
    archive.forget_erasures(entry_order("6-0"))
    assert "ann" not in (tmp_path / "erasures.json").read_text()
    assert Archive(tmp_path).last_erasure == entry_order("5-0")


def test_the_window_ends_with_the_newest_event(archive):
    archive.add(rows(*((day, f"day-{day}", "ann", day * DAY_S + 100) for day in range(10))))
    assert ids(archive, 3) == ["day-7", "day-8", "day-9"]
    assert archive.window(3, ["skip"]).is_empty()
    assert (archive.count_after(""), archive.count_after(entry_order("6-0"))) == (10, 3)
    assert archive.newest_entry() == entry_order("9-0")


def test_an_empty_archive(archive):
    assert archive.window(10, ["play"]).is_empty()
    assert (archive.count_after(""), archive.newest_entry(), archive.last_erasure) == (0, "", "")


EVENTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 3)), max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.none() | st.integers(0, 3)), max_size=6))
def test_whatever_happens_equals_a_list(batches):
    """Batches of (event, user, day) and erasures, few parts to a day so that they are merged."""
    kept, entry = {}, 0
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(archive_file, "MAX_PARTS", 2)
        archive = Archive(Path(folder))
        for batch, erased in batches:
            streamed = []
            for number, _, _ in batch:
                entry += 1
                # The event's number decides everything else, as an id does in the service.
                user, day = f"user-{number % 4}", number % 3
                streamed.append((entry, str(number), user, day * DAY_S + number))
                if str(number) not in kept:
                    kept[str(number)] = user
            archive.add(rows(*streamed))
            if erased is not None:
                entry += 1
                archive.erase(f"user-{erased}", entry_order(f"{entry}-0"))
                kept = {event: user for event, user in kept.items() if user != f"user-{erased}"}
        assert ids(archive) == sorted(kept)
