"""Last.fm HetRec: real listeners, artists and counts; times that are placed and said to be so."""

import numpy as np
import polars as pl
import pytest

from model.datasets.listening_clock import SAME_GENRE_SHARE, gap_class
from model.datasets.registry import load_dataset, load_with_report
from model.datasets.report import DatasetError
from tests.model.datasets.real_data import real_data_dir


@pytest.fixture(scope="module")
def real():
    return load_dataset("lastfm-hetrec2011", real_data_dir("lastfm-hetrec2011/user_artists.parquet"))


def test_the_real_counts(real):
    events = real.interactions
    assert (events["user_id"].n_unique(), len(real.items), len(events)) == (1_703, 17_632, 83_530)
    assert events["weight"].sum() == 61_413_314
    assert events.select("user_id", "item_id").is_unique().all()
    assert len(real.catalogue().attributes["genre"].values) == 19


def test_the_placed_times_are_named_simulated(real):
    assert real.simulated == "times"
    assert any("simulated" in note for note in real.notes)


def test_first_plays_follow_the_clock_and_keep_to_a_genre(real):
    genre = real.items.select("item_id", "genre")
    events = real.interactions.join(genre, on="item_id", how="left", maintain_order="left").with_columns(
        gap=pl.col("event_time_s").diff().over("user_id"), before=pl.col("genre").shift(1).over("user_id")
    )
    pairs = events.drop_nulls("gap").with_columns(
        same=pl.col("genre").list.set_intersection("before").list.len().fill_null(0) > 0
    )
    assert pairs["gap"].median() == pytest.approx(220, abs=5)
    kinds = gap_class(pairs["gap"].to_numpy())
    for kind, share in enumerate(SAME_GENRE_SHARE):
        # Below the wish where a listener has no artist of the genre left, above it where nothing else is left.
        assert pairs["same"].to_numpy()[kinds == kind].mean() == pytest.approx(share, abs=0.06)


def test_the_same_seed_places_the_same_times(real):
    folder = real_data_dir("lastfm-hetrec2011/user_artists.parquet")
    assert load_dataset("lastfm-hetrec2011", folder).interactions.equals(real.interactions)
    other = load_dataset("lastfm-hetrec2011", folder, seed=1).interactions
    assert not other.equals(real.interactions)
    key = ["user_id", "item_id", "weight"]
    assert other.select(key).sort(key).equals(real.interactions.select(key).sort(key))


def publish(folder, user_artists: str) -> None:
    """Write the publisher's four files, with the given user_artists.dat."""
    own = folder / "lastfm-hetrec2011"
    own.mkdir(exist_ok=True)
    (own / "user_artists.dat").write_text(user_artists, encoding="utf-8")
    artists = "id\tname\turl\tpictureURL\n51\tDuran Duran\thttp://x\thttp://y\n52\tBjörk\thttp://x\t\n53\tNobody\t\t\n"
    (own / "artists.dat").write_text(artists, encoding="utf-8")
    tags = "tagID\ttagValue\n1\tsynthpop\n2\tBritish\n3\t80s\n4\tfemale vocalists\n5\télectronique\n6\tpop rock\n"
    (own / "tags.dat").write_bytes(tags.encode("latin-1"))
    given = [(2, 51, 1), (3, 51, 1), (2, 51, 2), (3, 51, 2), (2, 51, 3), (3, 51, 3), (2, 51, 6), (2, 52, 4), (2, 52, 5)]
    rows = "".join(f"{user}\t{artist}\t{tag}\t1\t4\t2009\n" for user, artist, tag in given)
    header = "userID\tartistID\ttagID\tday\tmonth\tyear\n"
    (own / "user_taggedartists.dat").write_text(header + rows, encoding="utf-8")


def test_the_publishers_files_are_read_and_facets_derived_from_tags(tmp_path):
    publish(tmp_path, "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t7\n3\t53\t1\n")
    dataset, report = load_with_report("lastfm-hetrec2011", tmp_path)
    assert report.clean
    assert dataset.items.rows() == [
        ("51", "Duran Duran", ["pop", "rock"], ["uk"], ["80s"], None),
        ("52", "Björk", None, None, None, None),
        ("53", "Nobody", None, None, None, None),
    ]
    weights = dict(zip(dataset.interactions["item_id"], dataset.interactions["weight"], strict=True))
    assert weights["52"] == 11_690.0
    gaps = dataset.interactions.with_columns(gap=pl.col("event_time_s").diff().over("user_id"))["gap"].drop_nulls()
    assert np.all(gaps.to_numpy() >= 1)


def test_bad_rows_of_the_publishers_table_are_located(tmp_path):
    publish(tmp_path, "userID\tartistID\tweight\n2\t51\t13\n2\t52\n2\t51\t13\n2\t99\t1\n3\t51\tmany\n\t51\t4\n")
    with pytest.raises(DatasetError) as caught:
        load_dataset("lastfm-hetrec2011", tmp_path)
    report = caught.value.report
    assert report.first_lines("malformed_row") == [3, 6]
    assert report.first_lines("duplicate_event") == [4]
    assert report.first_lines("unknown_item") == [5]
    assert report.first_lines("missing_value") == [7]
    dataset, skipped = load_with_report("lastfm-hetrec2011", tmp_path, skip_bad_rows=True)
    assert len(dataset.interactions) == 1
    assert (skipped.rows_read, skipped.rows_kept) == (6, 1)
