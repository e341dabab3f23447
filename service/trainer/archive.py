"""Archive: every event that was streamed, in Parquet, a folder per day; each once, erased users' not at all.

<archive>/day=2026-11-30/<entry>.parquet holds events of that day; its name is that of its first entry. A file comes,
is replaced and goes in one step each, so that a kill loses nothing that was finished. Written or merged twice, an event
is still read once: `event_id` decides, the earliest entry wins. <archive>/erasures.json holds the erasures that events
still under way may be older than.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from model.durable_files import replace_durably, sync_directory

SCHEMA = {
    "entry": pl.String,
    "event_id": pl.String,
    "user_id": pl.String,
    "item_id": pl.String,
    "event_time_s": pl.Int64,
    "type": pl.String,
    "request_id": pl.String,
}
MAX_PARTS = 32
ERASURES_FILE = "erasures.json"
DAY_S = 86_400


class Archive:
    """One writer. `entry`: see event_stream.entry_order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._erasures = folder / ERASURES_FILE

    def add(self, events: pl.DataFrame) -> int:
        """Write events [SCHEMA] for good; how many were new. Those of a user erased later than they came are not."""
        erased = pl.DataFrame(
            list(self._erased().items()), schema={"user_id": pl.String, "at": pl.String}, orient="row"
        )
        events = events.join(erased, on="user_id", how="left").filter(
            pl.col("at").is_null() | (pl.col("entry") > pl.col("at"))
        )
        events = events.select(*SCHEMA).sort("entry").unique("event_id", keep="first", maintain_order=True)
        days = events.with_columns(day=pl.col("event_time_s") // DAY_S).partition_by("day", as_dict=True)
        return sum(self._add_to(self._day_folder(int(day)), own.drop("day")) for (day,), own in days.items())

    def erase(self, user_id: str, entry: str) -> int:
        """Remove what the user did up to an entry, for good, now and of what comes late; how many events."""
        state = self._state()
        state["users"][user_id] = max(entry, state["users"].get(user_id, ""))
        self._keep(state | {"last": max(entry, state["last"])})
        removed = 0
        for path in self._parts():
            events = pl.read_parquet(path)
            kept = events.filter((pl.col("user_id") != user_id) | (pl.col("entry") > entry))
            if len(kept) < len(events):
                removed += len(events) - len(kept)
                _replace(path, kept)
        return removed

    def forget_erasures(self, before: str | None) -> None:
        """Drop what is known of users erased earlier than an entry, None: of all; no event older than that comes."""
        state = self._state()
        users = {user_id: at for user_id, at in state["users"].items() if before is not None and at >= before}
        if users != state["users"]:
            self._keep(state | {"users": users})

    @property
    def last_erasure(self) -> str:
        """The entry of the newest erasure, "" where there was none: what was read before it may hold erased events."""
        return str(self._state()["last"])

    def window(self, days: float, types: Sequence[str]) -> pl.DataFrame:
        """The events [SCHEMA] of the days before the newest one, of some types, by user, time and entry."""
        newest_s = self._newest_s()
        if newest_s is None:
            return pl.DataFrame(schema=SCHEMA)
        from_s = newest_s - int(days * DAY_S)
        parts = [path for path in self._parts() if path.parent.name >= self._day_folder(from_s // DAY_S).name]
        events = pl.scan_parquet(parts).filter(pl.col("event_time_s") > from_s)
        once = events.collect().sort("entry").unique("event_id", keep="first", maintain_order=True)
        return once.filter(pl.col("type").is_in(types)).sort("user_id", "event_time_s", "entry")

    def count_after(self, entry: str) -> int:
        """How many events came after an entry; "" counts all."""
        parts = self._parts()
        if not parts:
            return 0
        later = pl.scan_parquet(parts).filter(pl.col("entry") > entry)
        return int(later.select(pl.col("event_id").n_unique()).collect().item())

    def newest_entry(self) -> str:
        """The entry that came last, "" in an empty archive."""
        parts = self._parts()
        return str(pl.scan_parquet(parts).select(pl.col("entry").max()).collect().item() or "") if parts else ""

    def _add_to(self, folder: Path, events: pl.DataFrame) -> int:
        parts = sorted(folder.glob("*.parquet"))
        if parts:
            known = pl.scan_parquet(parts).select("event_id").collect()
            events = events.join(known, on="event_id", how="anti", maintain_order="left")
        if events.is_empty():
            return 0
        if not folder.exists():
            folder.mkdir()
            sync_directory(self._folder)
        _replace(folder / f"{events['entry'][0]}.parquet", events)
        if len(parts) >= MAX_PARTS:
            self._merge(folder)
        return len(events)

    def _merge(self, folder: Path) -> None:
        """Make one file of a day's many. Killed after the first step, it leaves events in two files, read once."""
        first, *others = sorted(folder.glob("*.parquet"))
        together = pl.concat([pl.read_parquet(path) for path in (first, *others)])
        _replace(first, together.sort("entry").unique("event_id", keep="first", maintain_order=True))
        for path in others:
            path.unlink()

    def _newest_s(self) -> int | None:
        for folder in sorted(self._folder.glob("day=*"), reverse=True):
            parts = list(folder.glob("*.parquet"))
            found = pl.scan_parquet(parts).select(pl.col("event_time_s").max()).collect().item() if parts else None
            if found is not None:
                return int(found)
        return None

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("day=*/*.parquet"))

    def _day_folder(self, day: int) -> Path:
        return self._folder / f"day={datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}"

    def _erased(self) -> dict[str, str]:
        return dict(self._state()["users"])

    def _state(self) -> dict:
        return json.loads(self._erasures.read_bytes()) if self._erasures.exists() else {"last": "", "users": {}}

    def _keep(self, state: dict) -> None:
        replace_durably(self._erasures, json.dumps(state).encode())


def _replace(path: Path, events: pl.DataFrame) -> None:
    if events.is_empty():
        path.unlink()
        return
    buffer = BytesIO()
    events.write_parquet(buffer)
    replace_durably(path, buffer.getvalue())
