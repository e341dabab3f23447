"""Raw rows become the table, or a finding: there is no third way."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.datasets.interactions import LATEST_TIME_S, interactions_table
from model.datasets.report import LoadReport


def rows(*events: tuple[str | None, str | None, int | None]) -> pl.DataFrame:
    schema = {"line": pl.Int64, "user_id": pl.String, "item_id": pl.String, "event_time_s": pl.Int64}
    return pl.DataFrame([(line, *event) for line, event in enumerate(events, 2)], schema=schema, orient="row")


def test_events_are_sorted_by_user_and_time_with_ties_in_row_order():
    table = interactions_table(
        rows(("b", "x", 5), ("a", "z", 9), ("a", "y", 1), ("a", "w", 9)), LoadReport("log"), "log.csv"
    )
    assert table.rows() == [("a", "y", 1), ("a", "z", 9), ("a", "w", 9), ("b", "x", 5)]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ((None, "x", 5), "missing_value"),
        (("a", "", 5), "missing_value"),
        (("a", "x", None), "missing_value"),
        (("a", "x", -1), "bad_time"),
        (("a", "x", LATEST_TIME_S * 1000), "bad_time"),
        (("a", "nowhere", 5), "unknown_item"),
        (("a", "x", 3), "duplicate_event"),
    ],
)
def test_a_bad_row_is_dropped_counted_and_located(bad, problem):
    report = LoadReport("log")
    table = interactions_table(
        rows(("a", "x", 3), bad, ("a", "y", 4)), report, "log.csv", item_ids=pl.Series(["x", "y"])
    )
    assert table.rows() == [("a", "x", 3), ("a", "y", 4)]
    assert {kind for _, kind in report.findings} == {problem}
    assert report.count(problem) == 1
    assert report.first_lines(problem) == [3]
    assert (report.rows_read, report.rows_kept) == (3, 2)


def test_time_going_backwards_is_reported_and_sorted_but_not_dropped():
    events = rows(("a", "x", 5), ("b", "x", 1), ("a", "y", 3), ("a", "z", 6))
    report = LoadReport("log")
    table = interactions_table(events, report, "log.csv", in_time_order=True)
    assert report.first_lines("time_going_backwards") == [4]
    assert len(table) == 4
    assert table["item_id"].to_list()[:3] == ["y", "x", "z"]
    unordered = LoadReport("log")
    interactions_table(events, unordered, "log.csv")
    assert unordered.clean


def test_the_same_event_of_another_request_is_no_duplicate():
    events = rows(("a", "x", 5), ("a", "x", 5)).with_columns(request_id=pl.Series(["r1", "r2"]))
    report = LoadReport("log")
    assert len(interactions_table(events, report, "log.csv")) == 2
    assert report.clean


def test_without_times_the_row_order_is_the_order_and_repeats_are_events():
    report = LoadReport("log")
    events = rows(("a", "y", None), ("a", "x", None), ("a", "y", None)).drop("event_time_s")
    table = interactions_table(events, report, "log.csv", has_times=False)
    assert table["item_id"].to_list() == ["y", "x", "y"]
    assert table["event_time_s"].null_count() == 3
    assert report.clean


IDS = st.sampled_from([None, "", "a", "b", "c"])
TIMES = st.one_of(st.none(), st.integers(-3, 6), st.integers(LATEST_TIME_S - 1, LATEST_TIME_S + 2))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(IDS, IDS, TIMES), max_size=12))
def test_every_row_is_kept_or_accounted_for(events):
    report = LoadReport("log")
    table = interactions_table(rows(*events), report, "log.csv", item_ids=pl.Series(["a", "b"]), in_time_order=True)
    dropped = sum(f.count for (_, kind), f in report.findings.items() if kind != "time_going_backwards")
    assert report.rows_read == len(events)
    assert report.rows_kept == len(table) == len(events) - dropped
    assert table.is_unique().all()
    assert table.equals(table.sort("user_id", "event_time_s", maintain_order=True))
    assert set(table["item_id"]) <= {"a", "b"}
