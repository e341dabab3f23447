"""Log: reads exposures from JSONL or Parquet, a bounded number of rows at a time."""

import io
import json
from collections.abc import Iterator
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from loadtest.replay.exposures import REQUIRED, SCHEMA, Exposures, LogError, starts_of
from loadtest.replay.vocabulary import Coded

BATCH_ROWS = 50_000
JSON_KINDS = {pl.String(): (str,), pl.Float64(): (int, float), pl.Int64(): (int,)}


class Log(Protocol):
    """What is evaluated: it is read twice, in the same order."""

    name: str

    def batches(self) -> Iterator[Exposures]:
        """The exposures, no request split between two batches."""
        ...


class HeldLog:
    """A log in memory. Raises LogError for a row that breaks the schema."""

    def __init__(self, frame: pl.DataFrame, *, name: str = "log", max_reward: float = 1.0) -> None:
        self.name = name
        self._exposures = Exposures(frame, source=name, max_reward=max_reward)

    def batches(self) -> Iterator[Exposures]:
        yield self._exposures


class LogFile:
    """A log on disk: .jsonl or .parquet. Raises ValueError for another kind of file, LogError while it is read."""

    def __init__(self, path: Path, *, max_reward: float = 1.0, batch_rows: int = BATCH_ROWS) -> None:
        if path.suffix not in (".jsonl", ".parquet"):
            raise ValueError(f"expected a log that ends in .jsonl or .parquet, got {path.name}")
        self.path, self.name = path, path.name
        self._max_reward, self._batch_rows = max_reward, batch_rows

    def sha256(self) -> str:
        """The hash of the file, in hexadecimal digits."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def batches(self) -> Iterator[Exposures]:
        frames = _parquet_frames if self.path.suffix == ".parquet" else _jsonl_frames
        held: list[tuple[pl.DataFrame, np.ndarray]] = []
        for frame, lines in frames(self.path, self._batch_rows):
            held.append((frame, lines))
            joined, numbers = pl.concat([one for one, _ in held]), np.concatenate([one for _, one in held])
            # The last request may go on in the next rows.
            whole = _last_start(joined["request_id"])
            if whole:
                yield self._exposures(joined[:whole], numbers[:whole])
            held = [(joined[whole:], numbers[whole:])]
        if held and len(held[0][0]):
            yield self._exposures(*held[0])

    def _exposures(self, frame: pl.DataFrame, lines: np.ndarray) -> Exposures:
        return Exposures(frame, source=self.name, lines=lines, max_reward=self._max_reward)


def _last_start(request_ids: pl.Series) -> int:
    """The row where the last request begins."""
    starts = starts_of(Coded(request_ids).codes)
    return int(starts[-1]) if len(starts) else 0


def _parquet_frames(path: Path, batch_rows: int) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    scanned = pl.scan_parquet(path)
    found = scanned.collect_schema()
    _refuse_missing(path.name, list(found))
    columns = {name: kind for name, kind in SCHEMA.items() if name in found}
    for name, kind in columns.items():
        fits = found[name].is_numeric() or found[name] == pl.Boolean if kind.is_numeric() else found[name] == kind
        if not fits:
            raise LogError(path.name, 1, name, f"values of type {kind}", str(found[name]))
    chosen = scanned.select(pl.col(name).cast(kind) for name, kind in columns.items())
    read = 0
    for frame in chosen.collect_batches(chunk_size=batch_rows, maintain_order=True):
        # A chunk may be longer than what was asked for.
        for part in frame.iter_slices(batch_rows):
            yield part, np.arange(read + 1, read + len(part) + 1)
            read += len(part)


def _jsonl_frames(path: Path, batch_rows: int) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    with path.open("rb") as file:
        read = 0
        while lines := list(islice(file, batch_rows)):
            numbers = np.array([read + i for i, line in enumerate(lines, 1) if line.strip()], dtype=np.int64)
            read += len(lines)
            if not len(numbers):
                continue
            try:
                frame = pl.read_ndjson(io.BytesIO(b"".join(lines)), schema=SCHEMA)
            except pl.exceptions.PolarsError as error:
                _refuse_line(path.name, lines, read - len(lines))
                raise ValueError(f"{path.name}, lines {numbers[0]} to {numbers[-1]}: {error}") from error
            yield frame, numbers


def _refuse_missing(source: str, found: list[str]) -> None:
    for name in REQUIRED:
        if name not in found:
            raise LogError(source, 1, name, "a column of this name", found)


def _refuse_line(source: str, lines: list[bytes], before: int) -> None:
    """Name the line that a whole batch was refused for."""
    for number, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise LogError(source, number, "line", "a JSON object", str(error)) from error
        if not isinstance(found, dict):
            raise LogError(source, number, "line", "a JSON object", found)
        for name, kind in SCHEMA.items():
            value = found.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, JSON_KINDS[kind])):
                raise LogError(source, number, name, f"a value of type {kind}", value)
