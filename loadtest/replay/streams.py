"""Streams: the service's logs of exposures and events as frames, from a running Redis or from Parquet of theirs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from redis import Redis
from tqdm import tqdm

from service.exposures import EXPOSURE_STREAM
from service.users import EVENT_STREAM

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
ENTRIES_AT_ONCE = 5_000
REQUESTS: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "user_id": pl.String(),
    "time_s": pl.Float64(),
    "request_time_s": pl.Int64(),
    "experiment": pl.String(),
    "arm": pl.String(),
    "meant_arm": pl.String(),
    "assigned_by": pl.String(),
    "arm_probability": pl.Float64(),
    "release": pl.String(),
    "source": pl.String(),
    "mode": pl.String(),
    "k": pl.Int64(),
    "exclude_seen": pl.Boolean(),
    "grouped": pl.Boolean(),
    "excluded": pl.Int64(),
    "history_source": pl.String(),
    "latency_ms": pl.Float64(),
    # Name and `where` of every instruction, as JSON.
    "instructions": pl.String(),
    "quotas": pl.List(pl.Int64()),
    "items": pl.List(pl.String()),
    "scores": pl.List(pl.Float64()),
    "instruction": pl.List(pl.Int64()),
    "compliant": pl.List(pl.Boolean()),
    "propensities": pl.List(pl.Float64()),
    "candidates": pl.List(pl.Int64()),
}
"""One row per logged request; see service/exposures.py."""
EVENTS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event_time_s": pl.Int64(),
    "type": pl.String(),
    "request_id": pl.String(),
}


def read_requests(source: str) -> pl.DataFrame:
    """The logged requests [REQUESTS] of a Redis address, a .parquet file or a folder of such files, oldest first."""
    if not source.startswith(REDIS_SCHEMES):
        return _read_parquet(source, REQUESTS).sort("time_s", maintain_order=True)
    rows = [_request(fields) for fields in _entries(source, EXPOSURE_STREAM)]
    return pl.DataFrame(rows, schema=REQUESTS, orient="row")


def read_events(source: str) -> pl.DataFrame:
    """The events [EVENTS] of a Redis address, a .parquet file or a folder of such files; each event_id once."""
    if not source.startswith(REDIS_SCHEMES):
        events = _read_parquet(source, EVENTS)
    else:
        rows = [
            {name: fields[name.encode()].decode() for name in EVENTS}
            for fields in _entries(source, EVENT_STREAM)
            if fields[b"kind"] == b"event"
        ]
        events = pl.DataFrame(rows, schema=dict.fromkeys(EVENTS, pl.String())).cast(EVENTS)  # type: ignore[arg-type]
    empty = pl.col("request_id") == ""
    events = events.with_columns(request_id=pl.when(empty).then(None).otherwise(pl.col("request_id")))
    return events.unique("event_id", keep="first", maintain_order=True)


def _request(fields: dict[bytes, bytes]) -> dict[str, Any]:
    record = orjson.loads(fields[b"record"])
    return record | {"instructions": orjson.dumps(record["instructions"]).decode()}


def _entries(url: str, stream: str) -> Iterator[dict[bytes, bytes]]:
    with Redis.from_url(url) as redis, tqdm(total=redis.xlen(stream), desc=stream, unit=" entries") as bar:
        after = "-"
        while found := redis.xrange(stream, after, count=ENTRIES_AT_ONCE):
            for _, fields in found:
                yield fields
            after = f"({found[-1][0].decode()}"
            bar.update(len(found))


def _read_parquet(source: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    path = Path(source)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise ValueError(f"expected a Redis address, a .parquet file or a folder of such files, got {source!r}")
    scanned = pl.scan_parquet(files, hive_partitioning=False)
    found = scanned.collect_schema()
    missing = [name for name in schema if name not in found]
    if missing:
        raise ValueError(f"{source}: expected the columns {', '.join(schema)}, got none named {missing[0]}")
    return scanned.select(pl.col(name).cast(kind) for name, kind in schema.items()).collect()
