"""The publisher's files of Amazon 2014: gzipped lines, reviews as JSON, metadata as Python literals."""

import ast
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from model.datasets.report import DatasetError, LoadReport

REVIEW_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "line": pl.Int64,
    "user_id": pl.String,
    "item_id": pl.String,
    "event_time_s": pl.Int64,
}
ITEM_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "item_id": pl.String,
    "title": pl.String,
    "group": pl.List(pl.String),
    "category": pl.List(pl.String),
    "brand": pl.List(pl.String),
}


def read_reviews(path: Path, report: LoadReport) -> pl.DataFrame:
    """One row per review: line, user_id, item_id, event_time_s (null where the review lacks it)."""
    rows = []
    for line, review in _objects(path, json.loads, report):
        time = review.get("unixReviewTime")
        time_s = time if isinstance(time, int) and not isinstance(time, bool) else None
        rows.append((line, _text(review.get("reviewerID")), _text(review.get("asin")), time_s))
    return pl.DataFrame(rows, schema=REVIEW_SCHEMA, orient="row")


def read_meta(path: Path, report: LoadReport, item_ids: pl.Series) -> pl.DataFrame:
    """The items that have reviews, with title, group (first category below the root), category paths and brand.

    The file describes far more products than the 5-core has: the others are not read. An item without metadata stays,
    without attributes.
    """
    wanted = set(item_ids.to_list())
    found: dict[str, tuple[Any, ...]] = {}
    for _, product in _objects(path, ast.literal_eval, report):
        asin = _text(product.get("asin"))
        if asin is None or asin not in wanted or asin in found:
            continue
        paths = [[str(part) for part in parts[1:]] for parts in product.get("categories") or [] if len(parts) > 1]
        # The level in the name: "Nails" below "Makeup" is another category than "Nails" below "Tools".
        categories = sorted({"/".join(parts[:depth]) for parts in paths for depth in range(1, len(parts) + 1)})
        brand = _text(product.get("brand"))
        title = _text(product.get("title"))
        found[asin] = (asin, title, [paths[0][0]] if paths else None, categories or None, [brand] if brand else None)
    rows = [found.get(asin, (asin, None, None, None, None)) for asin in sorted(wanted)]
    return pl.DataFrame(rows, schema=ITEM_SCHEMA, orient="row")


def _objects(path: Path, parse: Callable[[str], Any], report: LoadReport) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise DatasetError(f"expected {path.name} beside the reviews, missing in {path.parent}")
    bad, line = [], 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line, text in enumerate(lines, start=1):
                try:
                    parsed = parse(text)
                except (ValueError, SyntaxError):
                    parsed = None
                if isinstance(parsed, dict):
                    yield line, parsed
                else:
                    bad.append(line)
    except (EOFError, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path.name} cannot be read on after line {line}: {error}", report) from error
    if line == 0:
        report.found("empty_file", path.name, [1])
    report.rows_read += len(bad)
    report.found("malformed_row", path.name, bad, "not an object of the published form")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
