"""python -m model.datasets: inspect, convert or fetch a data source."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from model.catalogue import attribute_names
from model.datasets.dataset import Dataset
from model.datasets.fetch import fetch
from model.datasets.log import FACTS_FILE
from model.datasets.publications import PUBLICATIONS
from model.datasets.registry import SOURCES, data_directory, load_with_report
from model.datasets.report import DatasetError
from model.datasets.times import TIME_FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns 0, or 1 with the reason on stderr where the data cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except DatasetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.datasets", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    inspect = commands.add_parser("inspect", help="load a source; print its report, counts and first rows")
    inspect.set_defaults(run=_inspect)
    convert = commands.add_parser("convert", help="load a source; write interactions.parquet and items.parquet")
    convert.set_defaults(run=_convert)
    convert.add_argument("--out", type=Path, required=True, help="folder to write; read it with: --data-dir OUT log")
    for command in (inspect, convert):
        _add_loading(command)
    fetching = commands.add_parser("fetch", help="download a source from its publisher and verify it")
    fetching.set_defaults(run=_fetch)
    fetching.add_argument("name", choices=sorted(PUBLICATIONS))
    fetching.add_argument("--data-dir", type=Path, help="default: REC_DATA_DIR")
    return parser


def _add_loading(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", choices=sorted(SOURCES))
    command.add_argument("--data-dir", type=Path, help="default: REC_DATA_DIR")
    command.add_argument("--skip-bad-rows", action="store_true", help="drop and count bad rows instead of stopping")
    command.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="e.g. users=200, seed=1")
    log = command.add_argument_group("bring your own log (source: log)")
    log.add_argument("--events", type=Path, help="CSV, TSV or Parquet, one row per event")
    log.add_argument("--items", type=Path, help="CSV, TSV or Parquet, one row per item")
    log.add_argument("--column", action="append", default=[], metavar="OURS=THEIRS", help="e.g. user_id=listener")
    log.add_argument("--attribute", action="append", metavar="COLUMN", help="an item attribute; repeat for more")
    log.add_argument("--time-format", choices=TIME_FORMATS, help="default: auto")
    log.add_argument("--list-separator", metavar="TEXT", help="between values of one attribute; default: |")
    log.add_argument("--any-order", action="store_true", help="the log is not in time order: sort it")
    log.add_argument("--no-times", action="store_true", help="the log has an order but no times")


def load_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of the source's file that the command line gives."""
    chosen: dict[str, Any] = {}
    for given in options.option:
        name, value = _pair(given, "--option")
        chosen[name] = _value(value)
    if options.column:
        chosen["columns"] = dict(_pair(given, "--column") for given in options.column)
    direct = {"events": options.events, "items": options.items, "attributes": options.attribute}
    direct |= {"time_format": options.time_format, "list_separator": options.list_separator}
    chosen |= {name: value for name, value in direct.items() if value is not None}
    chosen |= {"in_time_order": False} if options.any_order else {}
    chosen |= {"has_times": False} if options.no_times else {}
    return chosen


def _inspect(options: argparse.Namespace) -> None:
    dataset, report = load_with_report(
        options.name, options.data_dir, skip_bad_rows=options.skip_bad_rows, **load_options(options)
    )
    sys.stdout.write(f"{report.text()}\n{description(dataset)}\n")


def _convert(options: argparse.Namespace) -> None:
    dataset, report = load_with_report(
        options.name, options.data_dir, skip_bad_rows=options.skip_bad_rows, **load_options(options)
    )
    write_dataset(dataset, options.out)
    sys.stdout.write(f"{report.text()}\nwrote {options.out}; read it with: log --data-dir {options.out}\n")


def _fetch(options: argparse.Namespace) -> None:
    folder = data_directory(options.data_dir)
    if folder is None:
        raise DatasetError("expected a folder to fetch to: give --data-dir or set REC_DATA_DIR")
    for path in fetch(options.name, PUBLICATIONS[options.name], folder):
        sys.stdout.write(f"{path}\n")


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write the two tables, and beside them what they cannot say themselves (what was simulated, above all)."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "name": dataset.name,
        "instructable": dataset.instructable,
        "time_unit": dataset.time_unit,
        "simulated": dataset.simulated,
        "notes": dataset.notes,
    }
    (folder / f"{FACTS_FILE}.part").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    dataset.items.write_parquet(folder / "items.parquet.part")
    dataset.interactions.write_parquet(folder / "interactions.parquet.part")
    for name in (FACTS_FILE, "items.parquet", "interactions.parquet"):
        os.replace(folder / f"{name}.part", folder / name)


def description(dataset: Dataset) -> str:
    """Counts and first rows for a person."""
    events, items = dataset.interactions, dataset.items
    lines = [f"{events['user_id'].n_unique():,} users, {len(items):,} items, {len(events):,} events"]
    lines.append(f"time unit: {dataset.time_unit}; simulated: {dataset.simulated}")
    lines += [f"note: {note}" for note in dataset.notes]
    for name in attribute_names(items):
        values = items[name].explode().drop_nulls()
        mark = " (instructable)" if name in dataset.instructable else ""
        covered = 1 - items[name].null_count() / max(1, len(items))
        lines.append(f"attribute {name}{mark}: {values.n_unique():,} values on {covered:.0%} of the items")
    with pl.Config(tbl_hide_dataframe_shape=True, tbl_cols=-1, fmt_str_lengths=40, tbl_width_chars=160):
        lines += [str(events.head(5)), str(items.head(5))]
    return "\n".join(lines)


def _pair(given: str, flag: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator or not name or not value:
        raise DatasetError(f"expected {flag} NAME=VALUE, got {given!r}")
    return name, value


def _value(text: str) -> int | float | str:
    for parse in (int, float):
        try:
            return parse(text)
        except ValueError:
            continue
    return text


if __name__ == "__main__":
    sys.exit(main())
