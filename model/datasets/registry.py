"""Registry: every data source by name, and where its files are looked for."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import polars as pl

from model.datasets import amazon, lastfm_1k, lastfm_hetrec, log, movielens, music_world
from model.datasets.dataset import Dataset
from model.datasets.publications import PUBLICATIONS
from model.datasets.report import DatasetError, LoadReport

logger = logging.getLogger(__name__)

DATA_DIR_VARIABLE = "REC_DATA_DIR"
LASTFM_1K_FILE = "userid-timestamp-artid-artname-traid-traname.tsv"


@dataclass(frozen=True)
class Source:
    """One data source. load(marker file | None, report, **options) reads it.

    places: where its first file may be, relative to the data directory, best first; empty for a source without files.
    file_option: the option that names the file directly, instead of a data directory.
    """

    load: Callable[..., Dataset]
    places: tuple[str, ...]
    file_option: str | None = None


def _amazon(subset: str, category: str) -> Source:
    name = f"amazon-{subset}"
    reviews = f"reviews_{category}_5.json.gz"
    places = (f"amazon-2014-5core/{subset}/interactions.parquet", f"{name}/{reviews}", reviews)
    return Source(partial(amazon.load, name=name), places)


def _movielens(edition: str, *files: str) -> Source:
    name = f"movielens-{edition}"
    places = tuple(f"{folder}/{file}" for folder in (name, f"ml-{edition}") for file in files)
    return Source(partial(movielens.load, name=name), places)


SOURCES: dict[str, Source] = {
    "amazon-beauty": _amazon("beauty", "Beauty"),
    "amazon-sports": _amazon("sports", "Sports_and_Outdoors"),
    "amazon-toys": _amazon("toys", "Toys_and_Games"),
    "lastfm-hetrec2011": Source(
        lastfm_hetrec.load, ("lastfm-hetrec2011/user_artists.parquet", "lastfm-hetrec2011/user_artists.dat")
    ),
    "lastfm-1k": Source(
        lastfm_1k.load, tuple(f"{folder}/{LASTFM_1K_FILE}" for folder in ("lastfm-1k", "lastfm-dataset-1K"))
    ),
    "movielens-latest-small": _movielens("latest-small", "ratings.parquet", "ratings.csv"),
    "movielens-100k": _movielens("100k", "u.data"),
    "movielens-1m": _movielens("1m", "ratings.dat"),
    "music-world": Source(music_world.load, ()),
    "log": Source(log.load, ("interactions.parquet", "interactions.csv"), file_option="events"),
}


def load_dataset(name: str, data_dir: Path | None = None, *, skip_bad_rows: bool = False, **options: Any) -> Dataset:
    """Read a source by name; `options` are those of its file.

    Raises DatasetError for an unknown name, missing files, and (unless skip_bad_rows) any bad row.
    """
    dataset, report = load_with_report(name, data_dir, skip_bad_rows=skip_bad_rows, **options)
    if not report.clean:
        logger.warning("bad rows were skipped\n%s", report.text())
    return dataset


def load_with_report(
    name: str, data_dir: Path | None = None, *, skip_bad_rows: bool = False, **options: Any
) -> tuple[Dataset, LoadReport]:
    """Like load_dataset, with the report; what was skipped is also a note of the dataset."""
    source = SOURCES.get(name)
    if source is None:
        raise DatasetError(f"expected one of {', '.join(SOURCES)}, got {name!r}")
    report = LoadReport(name)
    known = _options(source)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise DatasetError(f"expected options of {name} among {', '.join(known) or 'none'}, got {', '.join(unknown)}")
    direct = source.file_option is not None and options.get(source.file_option) is not None
    marker = find_files(name, source, data_dir) if source.places and not direct else None
    try:
        dataset = source.load(marker, report, **options)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{name} cannot be read: {error}", report) from error
    if not report.clean and not skip_bad_rows:
        raise DatasetError(f"bad rows in {name} (skip them with --skip-bad-rows)\n{report.text()}", report)
    if dataset.interactions.is_empty():
        raise DatasetError(f"no events are left of {name}\n{report.text()}", report)
    if not report.clean:
        dataset = replace(dataset, notes=(*dataset.notes, f"bad rows skipped: {report.summary()}"))
    return dataset, report


def _options(source: Source) -> list[str]:
    """What load takes beside the marker file and the report, and what the registry has not bound already."""
    bound = source.load.keywords if isinstance(source.load, partial) else {}
    parameters = signature(source.load).parameters.values()
    return [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.name not in bound]


def find_files(name: str, source: Source, data_dir: Path | None) -> Path:
    """The source's first file below the data directory; raises DatasetError that says what was looked for."""
    folder = data_directory(data_dir)
    if folder is None:
        raise DatasetError(f"{name} is read from files: give --data-dir or set {DATA_DIR_VARIABLE}")
    for place in source.places:
        if (folder / place).is_file():
            return folder / place
    looked_for = ", ".join(source.places)
    fetch = f"python -m model.datasets fetch {name} --data-dir {folder}"
    remedy = f"; to download it: {fetch}" if name in PUBLICATIONS else ""
    raise DatasetError(f"{name} is not in {folder} (looked for {looked_for}){remedy}")


def data_directory(data_dir: Path | None) -> Path | None:
    """The folder given, else the one named by REC_DATA_DIR, else None."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get(DATA_DIR_VARIABLE)
    return Path(named) if named else None
