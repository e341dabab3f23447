"""A day's hit rates against one list at a time."""

import numpy as np
import polars as pl
import pytest

from loadtest.drift import day_hits as day_hits_file
from loadtest.drift.day_hits import day_hits
from loadtest.drift.world import DriftingWorld
from model.climber_pilot.growth import release_files
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import current_release, verify_release


@pytest.fixture(scope="module")
def world(music_dataset):
    """The world of the small release, its last two days streamed."""
    novel = pl.struct("user_id", "item_id").is_first_distinct()
    events = music_dataset.interactions.select("user_id", "item_id", "event_time_s", novel=novel)
    # One song that the release does not know.
    strange = events.with_columns(
        pl.when(pl.col("item_id") == "track-00003").then(pl.lit("unknown")).otherwise("item_id").alias("item_id")
    )
    return DriftingWorld(music_dataset, strange, music_dataset.extra["premieres"], days=2)


def test_every_listener_is_asked_as_the_service_would_be(world, release_root, monkeypatch):
    monkeypatch.setattr(day_hits_file, "CUT", 20)
    release = verify_release(current_release(release_root))
    retriever = Retriever.load(release.path)
    found = day_hits(release_files(release), world, day=2)
    expected = {}
    for (user_id,), events in world.events_before(3).partition_by("user_id", as_dict=True).items():
        rows, times, hits = [], [], []
        for item_id, at, novel in events.select("item_id", "event_time_s", "novel").iter_rows():
            row = retriever.catalogue.row_of.get(item_id)
            if novel and at >= world.start_s(2) and (row is None or rows):
                hits.append(row is not None and row in listed(retriever, rows, times, at))
            if row is not None:
                rows.append(row)
                times.append(at)
        if hits:
            expected[user_id] = float(np.mean(hits))
    assert dict(found.iter_rows()) == pytest.approx(expected)
    assert 0 < found["hit_rate"].mean() < 1


def listed(retriever, rows, times, at):
    history = History(np.array(rows), np.array(times))
    request = RetrievalRequest(history, (Condition(),), 20, excluded=np.unique(rows), time_s=at)
    return retriever.retrieve([request])[0][0].rows.tolist()
