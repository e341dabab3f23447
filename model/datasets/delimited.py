"""Delimited text files -> string columns with line numbers; rows of another width go into the report."""

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from model.datasets.report import DatasetError, LoadReport


def read_delimited(
    path: Path,
    report: LoadReport,
    *,
    separator: str,
    columns: Sequence[str] | None = None,
    encoding: str = "utf-8",
    quoted: bool = False,
) -> pl.DataFrame:
    """All columns as strings, `line` (1-based) first; blank lines hold nothing and are passed over.

    columns: the names of a file without a header; None takes the names from the first line.
    quoted: fields may be in double quotes (CSV, RFC 4180); such a row's line is the one that it ends on.
    Raises DatasetError where the file is missing; bytes that are not text make their row malformed.
    """
    if not path.is_file():
        raise DatasetError(f"expected a file {path.name} in {path.parent}, found none", report)
    text = path.read_bytes().decode(encoding, errors="replace").removeprefix("\ufeff")
    rows = _quoted_rows(text, separator) if quoted else _plain_rows(text, separator)
    if columns is None:
        columns = rows["fields"][0].to_list() if len(rows) else []
        rows = rows.slice(1)
        if len(set(columns)) != len(columns):
            raise DatasetError(f"expected distinct column names in {path.name}, got {columns}", report)
    if rows.is_empty():
        report.found("empty_file", path.name, [1], "no rows")
    undecodable = pl.col("fields").list.eval(pl.element().str.contains("\ufffd", literal=True)).list.any()
    good = (pl.col("fields").list.len() == len(columns)) & ~undecodable
    bad = rows.filter(~good)
    report.rows_read += len(bad)
    report.found("malformed_row", path.name, bad["line"].to_list(), f"expected {len(columns)} fields of text")
    fields = (pl.col("fields").list.get(i).alias(name) for i, name in enumerate(columns))
    return rows.filter(good).select("line", *fields)


def _plain_rows(text: str, separator: str) -> pl.DataFrame:
    lines = pl.DataFrame({"text": pl.Series(text.split("\n"), dtype=pl.String).str.strip_suffix("\r")})
    return (
        lines.select(pl.int_range(1, len(lines) + 1).alias("line"), "text")
        .filter(pl.col("text").str.strip_chars() != "")
        .select("line", pl.col("text").str.split(separator).alias("fields"))
    )


def _quoted_rows(text: str, separator: str) -> pl.DataFrame:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    rows = [(reader.line_num, fields) for fields in reader if fields]
    return pl.DataFrame(rows, schema={"line": pl.Int64, "fields": pl.List(pl.String)}, orient="row")
