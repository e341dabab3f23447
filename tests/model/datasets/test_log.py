"""Bring your own log: any column names, any time format, any of the usual mistakes."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from model.datasets.registry import load_dataset, load_with_report
from model.datasets.report import DatasetError

LOG = "listener,song,at\nann,s1,2024-01-01T00:00:00Z\nann,s2,2024-01-01T00:03:20Z\nbob,s1,2024-01-02T00:00:00Z\n"
NEW_YEAR_S = 1_704_067_200
COLUMNS = {"user_id": "listener", "item_id": "song", "event_time_s": "at"}


def written(folder, name: str, text: str):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_with_other_names_and_iso_times(tmp_path):
    path = written(tmp_path, "plays.csv", LOG)
    dataset, report = load_with_report("log", events=path, columns=COLUMNS)
    assert report.clean
    assert dataset.interactions.rows() == [
        ("ann", "s1", NEW_YEAR_S),
        ("ann", "s2", NEW_YEAR_S + 200),
        ("bob", "s1", NEW_YEAR_S + 86_400),
    ]
    assert dataset.items["item_id"].to_list() == ["s1", "s2"]
    assert dataset.instructable == ()


def test_attributes_from_the_logs_own_columns(tmp_path):
    text = "user_id,item_id,event_time_s,title,genre,mood\na,s1,1,One,rock|indie,\na,s2,2,Two,,calm\nb,s1,3,One,pop,\n"
    path = written(tmp_path, "plays.csv", text)
    dataset = load_dataset("log", events=path, attributes=["genre", "mood"])
    assert dataset.items.rows() == [("s1", "One", ["rock", "indie"], None), ("s2", "Two", None, ["calm"])]
    assert dataset.instructable == ("genre", "mood")


def test_items_from_a_second_file_and_a_log_in_parquet(tmp_path):
    events = tmp_path / "plays.parquet"
    at = [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)]
    frame = pl.DataFrame({"listener": [7, 7], "song": [1, 2], "at": at, "weight": [1, 2], "position": [0, None]})
    frame.write_parquet(events)
    items = written(tmp_path, "songs.csv", "song,title,genre,language\n1,One,rock / pop,en\n2,Two,jazz,\n3,Three,,\n")
    dataset, report = load_with_report(
        "log", events=events, items=items, columns=COLUMNS, list_separator="/", instructable=["genre"]
    )
    assert report.clean
    assert dataset.interactions.rows() == [("7", "1", NEW_YEAR_S, 0, 1.0), ("7", "2", NEW_YEAR_S + 86_400, None, 2.0)]
    assert dataset.items.rows() == [
        ("1", "One", ["rock", "pop"], ["en"]),
        ("2", "Two", ["jazz"], None),
        ("3", "Three", None, None),
    ]
    assert dataset.instructable == ("genre",)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ann,s1", "malformed_row"),
        ("ann,,2024-01-03T00:00:00Z", "missing_value"),
        ("ann,s1,", "missing_value"),
        ("ann,s1,soon", "bad_time"),
        ("ann,s1,2024-01-01T00:00:00Z", "duplicate_event"),
    ],
)
def test_a_bad_row_stops_the_load_unless_it_may_be_skipped(tmp_path, line, problem):
    path = written(tmp_path, "plays.csv", f"{LOG}{line}\n")
    with pytest.raises(DatasetError, match=problem) as caught:
        load_dataset("log", events=path, columns=COLUMNS)
    assert caught.value.report.count(problem) == 1
    assert caught.value.report.first_lines(problem) == [5]
    dataset, report = load_with_report("log", events=path, columns=COLUMNS, skip_bad_rows=True)
    assert len(dataset.interactions) == 3
    assert (report.rows_read, report.rows_kept) == (4, 3)


def test_skipped_rows_are_shown_and_noted(tmp_path, caplog):
    path = written(tmp_path, "plays.csv", f"{LOG}ann,s1\n")
    dataset = load_dataset("log", events=path, columns=COLUMNS, skip_bad_rows=True)
    assert dataset.notes == ("bad rows skipped: 1 malformed_row",)
    assert "plays.csv: 1 x malformed_row, line 5" in caplog.text


def test_time_going_backwards_is_an_error_unless_no_order_was_claimed(tmp_path):
    path = written(tmp_path, "plays.csv", f"{LOG}ann,s3,2023-12-31T00:00:00Z\n")
    with pytest.raises(DatasetError) as caught:
        load_dataset("log", events=path, columns=COLUMNS)
    assert caught.value.report.first_lines("time_going_backwards") == [5]
    skipped = load_dataset("log", events=path, columns=COLUMNS, skip_bad_rows=True)
    sorted_anyway = load_dataset("log", events=path, columns=COLUMNS, in_time_order=False)
    assert skipped.interactions.equals(sorted_anyway.interactions)
    assert sorted_anyway.interactions["item_id"].to_list() == ["s3", "s1", "s2", "s1"]


def test_unknown_columns_and_unreadable_numbers_are_reported(tmp_path):
    text = "user_id,item_id,event_time_s,weight,shoe_size\na,s1,1,2.5,44\na,s2,2,heavy,44\na,s3,3,,44\n"
    path = written(tmp_path, "plays.csv", text)
    with pytest.raises(DatasetError, match="shoe_size; not read") as caught:
        load_dataset("log", events=path)
    assert caught.value.report.first_lines("unknown_column") == [1]
    assert caught.value.report.first_lines("malformed_row") == [3]
    assert load_dataset("log", events=path, skip_bad_rows=True).interactions["weight"].to_list() == [2.5, None]


def test_an_item_table_bounds_the_items(tmp_path):
    path = written(tmp_path, "plays.csv", LOG)
    written(tmp_path, "items.csv", "item_id,genre\ns1,rock\n,pop\ns1,jazz\n")
    with pytest.raises(DatasetError) as caught:
        load_dataset("log", events=path, columns=COLUMNS)
    report = caught.value.report
    assert report.first_lines("unknown_item") == [3]
    assert report.first_lines("missing_value") == [3]
    assert report.first_lines("malformed_row") == [4]
    dataset = load_dataset("log", events=path, columns=COLUMNS, skip_bad_rows=True)
    assert dataset.items.rows() == [("s1", ["rock"])]


def test_columns_that_are_not_there_are_named(tmp_path):
    path = written(tmp_path, "plays.csv", LOG)
    with pytest.raises(DatasetError, match=r"expected columns user_id, item_id, event_time_s in plays\.csv"):
        load_dataset("log", events=path)
    with pytest.raises(DatasetError, match="expected the mapped columns hearer"):
        load_dataset("log", events=path, columns=COLUMNS | {"user_id": "hearer"})
    with pytest.raises(DatasetError, match="expected columns genre"):
        load_dataset("log", events=path, columns=COLUMNS, attributes=["genre"])


@pytest.mark.parametrize("text", ["", "user_id,item_id,event_time_s\n"])
def test_an_empty_log_is_refused_even_when_bad_rows_may_be_skipped(tmp_path, text):
    path = written(tmp_path, "plays.csv", text)
    with pytest.raises(DatasetError):
        load_dataset("log", events=path)
    with pytest.raises(DatasetError):
        load_dataset("log", events=path, skip_bad_rows=True)


def test_a_parquet_file_that_is_none_is_refused(tmp_path):
    path = written(tmp_path, "plays.parquet", "no parquet")
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        load_dataset("log", events=path)


def test_a_log_without_times_keeps_its_order(tmp_path):
    path = written(tmp_path, "plays.csv", "user_id,item_id\nb,s2\na,s9\nb,s1\n")
    dataset = load_dataset("log", events=path, has_times=False)
    assert dataset.interactions.rows() == [("a", "s9", None), ("b", "s2", None), ("b", "s1", None)]
    assert dataset.time_unit == "order only"


def test_what_a_table_cannot_say_is_read_from_the_facts_beside_it(tmp_path):
    written(tmp_path, "interactions.csv", "user_id,item_id,event_time_s\na,s1,1\n")
    facts = {"name": "music-world", "simulated": "everything", "notes": ["simulated"], "time_unit": "1 s"}
    written(tmp_path, "dataset.json", json.dumps(facts))
    dataset = load_dataset("log", tmp_path)
    assert (dataset.name, dataset.simulated, dataset.notes) == ("music-world", "everything", ("simulated",))
    written(tmp_path, "dataset.json", "[]")
    with pytest.raises(DatasetError, match="expected an object"):
        load_dataset("log", tmp_path)
