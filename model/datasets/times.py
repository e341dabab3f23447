"""Times in a log: epoch seconds, epoch milliseconds or ISO 8601 -> event_time_s."""

from typing import Literal, get_args

import polars as pl

TimeFormat = Literal["auto", "epoch_s", "epoch_ms", "iso8601"]
TIME_FORMATS: tuple[TimeFormat, ...] = get_args(TimeFormat)
FIRST_MILLISECONDS = 1e11  # as seconds this is the year 5138, as milliseconds 1973


def parse_times(given: pl.Series, time_format: TimeFormat = "auto") -> pl.DataFrame:
    """event_time_s (int64, null where missing or unreadable) and bad_time (bool: given, but unreadable).

    given: strings, numbers, dates or datetimes. "auto" takes one format for the whole column: numbers as seconds or,
    by their median, milliseconds; everything else as ISO 8601. Fractions of a second are cut off; an ISO time without
    an offset is UTC.
    """
    if time_format not in TIME_FORMATS:
        raise ValueError(f"expected a time format of {', '.join(TIME_FORMATS)}, got {time_format!r}")
    if given.dtype.is_temporal():
        seconds = given.cast(pl.Datetime("us")).dt.epoch("s")
        return pl.DataFrame({"event_time_s": seconds, "bad_time": pl.repeat(False, len(given), eager=True)})
    text = given.cast(pl.String).str.strip_chars()
    text = pl.select(pl.when(text != "").then(text)).to_series()
    numbers = text.cast(pl.Float64, strict=False)
    numbers = pl.select(pl.when(numbers.is_finite() & (numbers.abs() < 1e15)).then(numbers)).to_series()
    if time_format == "auto":
        time_format = _guess(text, numbers)
    if time_format == "iso8601":
        seconds = _iso_seconds(text)
    else:
        scale = 1_000.0 if time_format == "epoch_ms" else 1.0
        seconds = (numbers / scale).floor().cast(pl.Int64)
    return pl.DataFrame({"event_time_s": seconds, "bad_time": text.is_not_null() & seconds.is_null()})


def _guess(text: pl.Series, numbers: pl.Series) -> TimeFormat:
    if numbers.count() * 2 < text.count() or not numbers.count():
        return "iso8601"
    middle = numbers.median()
    return "epoch_ms" if isinstance(middle, float) and middle >= FIRST_MILLISECONDS else "epoch_s"


def _iso_seconds(text: pl.Series) -> pl.Series:
    whole = text.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00").str.replace(" ", "T", literal=True)
    whole = whole.str.replace(r"[Zz]$", "+00:00").str.replace(r"([+-]\d{2})(\d{2})$", "${1}:${2}")
    has_offset = whole.str.contains(r"T.*[+-]\d{2}:\d{2}$")
    whole = pl.select(pl.when(has_offset).then(whole).otherwise(whole + "+00:00")).to_series()
    return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False).dt.epoch("s")
