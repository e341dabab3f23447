"""Last.fm 1K: the published table, as artists or as tracks."""

import pytest

from model.datasets.registry import LASTFM_1K_FILE, load_dataset, load_with_report
from model.datasets.report import DatasetError

# Newest first, as published; the second artist and track have no MusicBrainz id.
GOOD = (
    "user_000002\t2009-05-04T23:08:57Z\tA1\tDeep Dish\tT1\tFuck Me Im Famous (Pacha Ibiza)-09-28-2007\n"
    "user_000001\t2009-05-04T13:54:10Z\t\tBéla Fleck\t\tComposition 0919 (Live)\n"
    "user_000001\t2009-05-04T13:52:04Z\tA1\tDeep Dish\tT2\tStage One\n"
)
BAD = (
    "user_000001\t2009-05-04T13:52:04Z\tA1\tDeep Dish\tT2\tStage One\n"
    "user_000001\t2009-05-04T13:50:00Z\tA1\tDeep\tDish\tT2\tStage One\n"
    "user_000001\tyesterday\tA1\tDeep Dish\tT2\tStage One\n"
    "user_000001\t2009-05-04T13:40:00Z\t\t\t\t\n"
)


def publish(folder, text: str) -> None:
    own = folder / "lastfm-dataset-1K"
    own.mkdir(exist_ok=True)
    (own / LASTFM_1K_FILE).write_text(text, encoding="utf-8")


def test_artists_are_the_items_by_default(tmp_path):
    publish(tmp_path, GOOD)
    dataset, report = load_with_report("lastfm-1k", tmp_path)
    assert report.clean
    assert dataset.interactions.rows() == [
        ("user_000001", "A1", 1_241_445_124),
        ("user_000001", "artist:Béla Fleck", 1_241_445_250),
        ("user_000002", "A1", 1_241_478_537),
    ]
    assert dataset.items.rows() == [("A1", "Deep Dish"), ("artist:Béla Fleck", "Béla Fleck")]
    assert dataset.instructable == ()
    assert len(dataset.catalogue()) == 2


def test_tracks_have_their_artist_as_attribute(tmp_path):
    publish(tmp_path, GOOD)
    dataset = load_dataset("lastfm-1k", tmp_path, items="tracks")
    assert dataset.items["item_id"].to_list() == ["T1", "T2", "track:Béla Fleck - Composition 0919 (Live)"]
    assert dataset.items["artist"].to_list() == [["Deep Dish"], ["Deep Dish"], ["Béla Fleck"]]
    assert dataset.instructable == ("artist",)


def test_only_the_first_listeners_where_asked(tmp_path):
    publish(tmp_path, GOOD)
    dataset = load_dataset("lastfm-1k", tmp_path, users=1)
    assert dataset.interactions["user_id"].unique().to_list() == ["user_000001"]


def test_bad_rows_are_located(tmp_path):
    publish(tmp_path, GOOD + BAD)
    with pytest.raises(DatasetError) as caught:
        load_dataset("lastfm-1k", tmp_path)
    report = caught.value.report
    assert report.first_lines("duplicate_event") == [4]
    assert report.first_lines("malformed_row") == [5]
    assert report.first_lines("bad_time") == [6]
    assert report.first_lines("missing_value") == [7]
    dataset, skipped = load_with_report("lastfm-1k", tmp_path, skip_bad_rows=True)
    assert len(dataset.interactions) == 3
    assert (skipped.rows_read, skipped.rows_kept) == (7, 3)


def test_an_unknown_kind_of_item_and_an_empty_file_are_refused(tmp_path):
    publish(tmp_path, GOOD)
    with pytest.raises(DatasetError, match="artists or tracks"):
        load_dataset("lastfm-1k", tmp_path, items="albums")
    publish(tmp_path, "")
    with pytest.raises(DatasetError, match="1 empty_file"):
        load_dataset("lastfm-1k", tmp_path)
