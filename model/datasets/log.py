"""log: bring your own listening log, CSV or Parquet, with items from a second file or from the log itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from model.catalogue import attribute_names
from model.datasets.dataset import INTERACTION_SCHEMA, OPTIONAL_INTERACTION_COLUMNS, Dataset
from model.datasets.delimited import read_delimited
from model.datasets.interactions import interactions_table
from model.datasets.log_items import items_of_file, items_of_log
from model.datasets.report import DatasetError, LoadReport
from model.datasets.times import TimeFormat, parse_times

FACTS_FILE = "dataset.json"  # written by convert beside the tables: what a table cannot say of itself


def load(
    marker: Path | None,
    report: LoadReport,
    *,
    events: Path | None = None,
    items: Path | None = None,
    columns: Mapping[str, str] | None = None,
    attributes: Sequence[str] | None = None,
    instructable: Sequence[str] | None = None,
    time_format: TimeFormat = "auto",
    list_separator: str = "|",
    in_time_order: bool = True,
    has_times: bool = True,
) -> Dataset:
    """Read a log of one row per event.

    events: the log; without it `marker`, the interactions file of the data directory. items: the item table; without it
        items.parquet or items.csv beside the log, else the items are those of the log.
    columns: our name -> the name in the files, e.g. {"user_id": "listener"}; where none is given the names are equal.
    attributes: the columns that are item attributes; without it every further column of the item file is one, and none
        of the log. Values of one cell are separated by `list_separator`. instructable: default all attributes.
    in_time_order: the log claims to be chronological per user; False sorts without a report.
    has_times: False for a log that has an order but no times.
    """
    path = events or marker
    if path is None:
        raise DatasetError("expected a log: give --events FILE or a data directory with interactions.parquet or .csv")
    facts = _facts(path)
    has_times = has_times and facts.get("time_unit") != "order only"
    item_path = items or _beside(path)
    raw_log = read_table(path, report)
    raw_items = None if item_path is None else read_table(item_path, report)
    _check_mapping(columns or {}, raw_log, raw_items)
    log = _renamed(raw_log, columns or {})
    own_attributes = tuple(attributes or ()) if raw_items is None else ()
    _check_columns(log, report, path, own_attributes, has_times)
    if raw_items is None or item_path is None:
        table = items_of_log(log, own_attributes, list_separator)
    else:
        item_rows = _renamed(raw_items, columns or {})
        table = items_of_file(item_rows, report, item_path.name, attributes, list_separator)
    interactions = interactions_table(
        _rows(log, report, path, time_format, has_times),
        report,
        path.name,
        item_ids=None if raw_items is None else table["item_id"],
        has_times=has_times,
        in_time_order=in_time_order,
    )
    return Dataset(
        facts.get("name", "log"),
        interactions,
        table,
        tuple(instructable or facts.get("instructable") or attribute_names(table)),
        time_unit=facts.get("time_unit", "1 s" if has_times else "order only"),
        simulated=facts.get("simulated", "nothing"),
        notes=tuple(facts.get("notes", ())),
    )


def read_table(path: Path, report: LoadReport) -> pl.DataFrame:
    """A CSV (by its suffix also TSV) or Parquet file with `line`; in Parquet that is the row number."""
    if path.suffix != ".parquet":
        return read_delimited(path, report, separator="\t" if path.suffix == ".tsv" else ",", quoted=True)
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path.name} cannot be read as Parquet: {error}", report) from error
    if table.is_empty():
        report.found("empty_file", path.name, [1], "no rows")
    return table.select(pl.int_range(1, len(table) + 1).alias("line"), pl.all().exclude("line"))


def _renamed(table: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Under our names; a column that already has one of them makes way for the one that was mapped to it."""
    used = {theirs: ours for ours, theirs in columns.items() if theirs in table.columns}
    return table.drop([ours for theirs, ours in used.items() if ours in table.columns and ours != theirs]).rename(used)


def _facts(path: Path) -> dict[str, Any]:
    file = path.with_name(FACTS_FILE)
    if not file.is_file():
        return {}
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{file} is not readable: {error}") from error
    if not isinstance(facts, dict):
        raise DatasetError(f"expected an object in {file}, got {type(facts).__name__}")
    return facts


def _beside(path: Path) -> Path | None:
    candidates = (path.with_name("items.parquet"), path.with_name("items.csv"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _check_mapping(columns: Mapping[str, str], log: pl.DataFrame, items: pl.DataFrame | None) -> None:
    found = [name for name in (*log.columns, *(items.columns if items is not None else ())) if name != "line"]
    absent = [theirs for theirs in columns.values() if theirs not in found]
    if absent:
        raise DatasetError(f"expected the mapped columns {', '.join(absent)}, got {', '.join(found)}")


def _check_columns(
    log: pl.DataFrame, report: LoadReport, path: Path, attributes: Sequence[str], has_times: bool
) -> None:
    needed = [name for name in INTERACTION_SCHEMA if has_times or name != "event_time_s"]
    missing = [name for name in (*needed, *attributes) if name not in log.columns]
    if missing:
        found = ", ".join(name for name in log.columns if name != "line") or "an empty file"
        hint = f"name them with --column {missing[0]}=THEIR_NAME"
        raise DatasetError(f"expected columns {', '.join(missing)} in {path.name}, got {found}; {hint}", report)
    known = {*INTERACTION_SCHEMA, *OPTIONAL_INTERACTION_COLUMNS, *attributes, "title", "line"}
    unknown = [name for name in log.columns if name not in known]
    report.found("unknown_column", path.name, [1] * len(unknown), f"{', '.join(unknown)}; not read")


def _rows(log: pl.DataFrame, report: LoadReport, path: Path, time_format: TimeFormat, has_times: bool) -> pl.DataFrame:
    """The log under our types; a number that cannot be read makes its row malformed."""
    optional = {name: dtype for name, dtype in OPTIONAL_INTERACTION_COLUMNS.items() if name in log.columns}
    given = log.select(_filled(log, name) for name in optional)
    typed = given.select(pl.col(name).cast(dtype, strict=False) for name, dtype in optional.items())
    rows = log.select("line", pl.col("user_id", "item_id").cast(pl.String)).hstack(typed)
    if has_times:
        rows = rows.hstack(parse_times(log["event_time_s"], time_format))
    unreadable = pl.repeat(False, len(log), eager=True)
    for name in optional:
        unreadable |= given[name].is_not_null() & typed[name].is_null()
    bad = rows.filter(unreadable)
    report.rows_read += len(bad)
    report.found("malformed_row", path.name, bad["line"].to_list(), f"expected numbers in {', '.join(optional)}")
    return rows.filter(~unreadable)


def _filled(raw: pl.DataFrame, name: str) -> pl.Expr:
    """The column with empty text as null."""
    column = pl.col(name)
    return pl.when(column != "").then(column) if raw.schema[name] == pl.String else column
