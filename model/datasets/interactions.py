"""Interactions: raw rows with line numbers -> the checked, sorted Interactions table."""

from collections.abc import Sequence

import polars as pl

from model.datasets.dataset import INTERACTION_SCHEMA, OPTIONAL_INTERACTION_COLUMNS
from model.datasets.report import LoadReport, Problem

EARLIEST_TIME_S = 0
LATEST_TIME_S = 4_102_444_800  # 2100-01-01: later "seconds" are milliseconds read as seconds


def interactions_table(
    rows: pl.DataFrame,
    report: LoadReport,
    file: str,
    *,
    item_ids: pl.Series | None = None,
    has_times: bool = True,
    in_time_order: bool = False,
) -> pl.DataFrame:
    """The rows that are events, sorted by user and time (ties in row order); every other row goes into the report.

    rows: line (1-based), user_id, item_id (str, null where missing), event_time_s (int, null where missing), bad_time
        (bool, optional: a time was given but cannot be read), and any optional interaction column.
    item_ids: the known items; None accepts every item.
    has_times: False where the source has an order but no time; equal rows are then no duplicates.
    in_time_order: the file claims to be chronological, so a user's time going backwards is reported. Such a row is
        sorted to its place, not dropped: its time is as good as its neighbours'.
    """
    report.rows_read += len(rows)
    rows = _without(rows, _missing(rows, has_times), report, file, "missing_value", "user, item or time is empty")
    if has_times:
        unreadable = pl.col("bad_time") if "bad_time" in rows.columns else pl.lit(False)
        outside = ~pl.col("event_time_s").is_between(EARLIEST_TIME_S, LATEST_TIME_S)
        detail = "expected a time from 1970 to 2100"
        rows = _without(rows, unreadable | outside.fill_null(False), report, file, "bad_time", detail)
    if item_ids is not None:
        unknown = ~pl.col("item_id").is_in(item_ids.implode())
        rows = _without(rows, unknown, report, file, "unknown_item", "not in the item table")
    if has_times:
        key = [name for name in ("user_id", "item_id", "event_time_s", "request_id") if name in rows.columns]
        repeated = ~pl.struct(key).is_first_distinct()
        rows = _without(rows, repeated, report, file, "duplicate_event", f"same {', '.join(key)}; the first is kept")
    if has_times and in_time_order:
        backwards = rows.filter(pl.col("event_time_s").diff().over("user_id") < 0)
        detail = "earlier than the user's row before; sorted by time, not dropped"
        report.found("time_going_backwards", file, backwards["line"].to_list(), detail)
    report.rows_kept += len(rows)
    return _sorted_table(rows, has_times)


def _missing(rows: pl.DataFrame, has_times: bool) -> pl.Expr:
    missing = _empty("user_id") | _empty("item_id")
    if not has_times:
        return missing
    no_time = pl.col("event_time_s").is_null()
    if "bad_time" in rows.columns:
        no_time &= ~pl.col("bad_time")
    return missing | no_time


def _empty(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name) == "")


def _without(
    rows: pl.DataFrame, bad: pl.Expr, report: LoadReport, file: str, problem: Problem, detail: str
) -> pl.DataFrame:
    marked = rows.with_columns(bad.alias("_bad"))
    report.found(problem, file, marked.filter("_bad")["line"].to_list(), detail)
    return marked.filter(~pl.col("_bad")).drop("_bad")


def _sorted_table(rows: pl.DataFrame, has_times: bool) -> pl.DataFrame:
    schema = INTERACTION_SCHEMA | OPTIONAL_INTERACTION_COLUMNS
    names = [name for name in schema if name in rows.columns or name in INTERACTION_SCHEMA]
    if "event_time_s" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, dtype=pl.Int64).alias("event_time_s"))
    order: Sequence[str] = ("user_id", "event_time_s") if has_times else ("user_id",)
    rows = rows.sort(order, maintain_order=True)
    return rows.select(pl.col(name).cast(schema[name]) for name in names)
