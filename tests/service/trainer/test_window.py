import polars as pl
import pytest

from service.trainer.archive import Archive
from service.trainer.window import read_window, window_dataset, write_window
from tests.model.climber_pilot.worlds import small_items
from tests.service.trainer.small_world import FACTS, fill


def test_archived_events_are_a_data_set_and_come_back_as_one(tmp_path):
    archive = Archive(tmp_path / "archive")
    rows = fill(archive)
    dataset = window_dataset(archive.window(1_000, ["play"]), small_items(), FACTS)
    assert len(dataset.interactions) == len(rows)
    assert (dataset.name, dataset.instructable, dataset.simulated) == ("small", ("genre", "language"), "everything")
    write_window(dataset, "7", tmp_path / "window")
    again, last_erasure = read_window(tmp_path / "window")
    assert (again.revision(), again.instructable, again.notes) == (
        dataset.revision(),
        dataset.instructable,
        dataset.notes,
    )
    assert last_erasure == "7"


def test_events_of_unknown_items_are_left_out_and_told(tmp_path):
    archive = Archive(tmp_path / "archive")
    fill(archive)
    events, items = archive.window(1_000, ["play"]), small_items()
    known = items.filter(pl.col("item_id") != "track-0")
    dataset = window_dataset(events, known, FACTS)
    assert len(dataset.interactions) == len(events.filter(pl.col("item_id") != "track-0"))
    assert "unknown_item" in dataset.notes[1]
    with pytest.raises(ValueError, match="known items"):
        window_dataset(events, items[:0], FACTS)
