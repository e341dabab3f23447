"""The items of a user's own log: from an item file, or gathered from the log's own columns."""

from collections.abc import Sequence

import polars as pl

from model.datasets.report import DatasetError, LoadReport


def items_of_file(
    rows: pl.DataFrame, report: LoadReport, file: str, attributes: Sequence[str] | None, list_separator: str
) -> pl.DataFrame:
    """The item table of a file with `line`; rows without an id or with one that came before are reported and left out.

    attributes: the columns to read; None reads all, otherwise the others are reported as unknown.
    """
    if "item_id" not in rows.columns:
        found = ", ".join(name for name in rows.columns if name != "line")
        raise DatasetError(f"expected a column item_id in {file}, got {found or 'an empty file'}", report)
    further = [name for name in rows.columns if name not in ("line", "item_id", "title")]
    chosen = further if attributes is None else list(attributes)
    absent = [name for name in chosen if name not in further]
    if absent:
        raise DatasetError(f"expected attributes {', '.join(absent)} in {file}, got {', '.join(further)}", report)
    unknown = [name for name in further if name not in chosen]
    report.found("unknown_column", file, [1] * len(unknown), f"{', '.join(unknown)}; not read")
    rows = rows.with_columns(pl.col("item_id").cast(pl.String))
    unnamed = pl.col("item_id").is_null() | (pl.col("item_id") == "")
    report.found("missing_value", file, rows.filter(unnamed)["line"].to_list(), "item_id is empty")
    rows = rows.filter(~unnamed)
    again = ~pl.col("item_id").is_first_distinct()
    report.found("malformed_row", file, rows.filter(again)["line"].to_list(), "item_id came before")
    return _table(rows.filter(~again), chosen, list_separator)


def items_of_log(log: pl.DataFrame, attributes: Sequence[str], list_separator: str) -> pl.DataFrame:
    """One item per id in the log, with what its first row with a value says about it."""
    chosen = [*(["title"] if "title" in log.columns else []), *attributes]
    rows = log.with_columns(pl.col("item_id").cast(pl.String)).filter(pl.col("item_id") != "")
    firsts = rows.group_by("item_id").agg(pl.col(name).drop_nulls().first() for name in chosen)
    return _table(firsts.sort("item_id"), list(attributes), list_separator)


def _table(rows: pl.DataFrame, attributes: Sequence[str], list_separator: str) -> pl.DataFrame:
    title = [pl.col("title").cast(pl.String)] if "title" in rows.columns else []
    return rows.select("item_id", *title, *(_values(rows, name, list_separator) for name in attributes))


def _values(rows: pl.DataFrame, name: str, list_separator: str) -> pl.Expr:
    """A column as a list of distinct non-empty strings, null where there is none."""
    column = pl.col(name)
    if isinstance(rows.schema[name], pl.List):
        values = column.cast(pl.List(pl.String))
    else:
        values = column.cast(pl.String).str.split(list_separator)
    values = values.list.eval(pl.element().str.strip_chars().replace("", None).drop_nulls()).list.unique(
        maintain_order=True
    )
    return pl.when(values.list.len() > 0).then(values).alias(name)
