"""Times are read in the format they are in, and an unreadable one is told from a missing one."""

import polars as pl
import pytest

from model.datasets.times import parse_times

MOMENT_S = 1_241_478_537  # 2009-05-04T23:08:57Z


@pytest.mark.parametrize("time_format", ["auto", "iso8601"])
@pytest.mark.parametrize(
    "written",
    [
        "2009-05-04T23:08:57Z",
        "2009-05-04 23:08:57",
        "2009-05-04T23:08:57.987",
        "2009-05-05T01:08:57+02:00",
        "2009-05-04T18:08:57-0500",
        "2009-05-04T23:08:57.123456+00:00",
    ],
)
def test_iso_8601_in_its_usual_forms(written, time_format):
    parsed = parse_times(pl.Series([written]), time_format)
    assert parsed.rows() == [(MOMENT_S, False)]


def test_a_date_is_its_midnight():
    assert parse_times(pl.Series(["2009-05-04"]))["event_time_s"].to_list() == [MOMENT_S - 83_337]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([str(MOMENT_S)]),
        pl.Series([MOMENT_S]),
        pl.Series([float(MOMENT_S) + 0.9]),
        pl.Series([f"{MOMENT_S}987"]),
        pl.Series([MOMENT_S * 1000 + 1]),
    ],
)
def test_auto_tells_seconds_from_milliseconds(column):
    assert parse_times(column)["event_time_s"].to_list() == [MOMENT_S]


def test_datetimes_are_taken_as_they_are():
    column = pl.from_epoch(pl.Series([MOMENT_S]), time_unit="s")
    assert parse_times(column)["event_time_s"].to_list() == [MOMENT_S]


@pytest.mark.parametrize("time_format", ["epoch_s", "epoch_ms", "iso8601"])
def test_unreadable_and_missing_are_two_things(time_format):
    parsed = parse_times(pl.Series(["yesterday", "", None, "nan", "inf", "2009-13-45T00:00:00"]), time_format)
    assert parsed["event_time_s"].null_count() == 6
    assert parsed["bad_time"].to_list() == [True, False, False, True, True, True]


def test_one_broken_time_does_not_change_the_format_of_the_rest():
    parsed = parse_times(pl.Series([str(MOMENT_S), "x", str(MOMENT_S + 1)]))
    assert parsed["event_time_s"].to_list() == [MOMENT_S, None, MOMENT_S + 1]


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="expected a time format"):
        parse_times(pl.Series(["1"]), "roman")  # type: ignore[arg-type]
