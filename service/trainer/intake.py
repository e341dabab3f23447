"""Intake: the stream into the archive, each entry finished once what it asks for is on disk."""

import logging
import time

import polars as pl

from service.trainer.archive import SCHEMA, Archive
from service.trainer.event_stream import Entry, EventStream, entry_order
from service.trainer.settings import TrainerSettings
from service.trainer.telemetry import TrainerTelemetry

READ_AT_ONCE = 5_000
logger = logging.getLogger("service.trainer.intake")


class Intake:
    """`items_posted` is set where an entry tells of posted items; whoever makes them a release clears it."""

    def __init__(
        self, settings: TrainerSettings, stream: EventStream, archive: Archive, telemetry: TrainerTelemetry
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._archive = archive
        self._telemetry = telemetry
        self._waiting: dict[str, dict[str, object]] = {}
        self._waiting_since_s = 0.0
        self.items_posted = True

    def start(self) -> None:
        """Join the stream's consumers."""
        lost = self._stream.join()
        if lost:
            # Said once: the stream was cut to its length before anybody had read it.
            logger.error("events_lost", extra={"events": lost})
            self._telemetry.events.labels("lost").inc(lost)

    def take(self, wait_ms: int) -> int:
        """Read what there is and do what is due; how many entries were read."""
        entries = self._stream.read(READ_AT_ONCE, wait_ms)
        finished = []
        for entry in entries:
            if self._is_event(entry):
                continue
            kind = entry.fields.get("kind")
            if kind == "erasure" and "user_id" in entry.fields:
                self.write()
                removed = self._archive.erase(entry.fields["user_id"], entry_order(entry.entry_id))
                self._telemetry.events.labels("erased").inc(removed)
                logger.info("erased", extra={"events": removed})
            elif kind == "item":
                self.items_posted = True
            else:
                self._telemetry.events.labels("unreadable").inc()
                logger.error("entry_unreadable", extra={"entry": entry.entry_id, "kind": kind})
            finished.append(entry.entry_id)
        self._stream.finish(finished)
        if self._is_due():
            self.write()
        if entries:
            oldest = self._stream.unfinished_from()
            self._archive.forget_erasures(None if oldest is None else entry_order(oldest))
        return len(entries)

    def write(self) -> None:
        """Have every event that waits in the archive, and finish it."""
        if not self._waiting:
            return
        events = pl.DataFrame(list(self._waiting.values()), schema=SCHEMA)
        added = self._archive.add(events)
        self._stream.finish(self._waiting)
        self._telemetry.events.labels("archived").inc(added)
        self._telemetry.events.labels("repeated").inc(len(events) - added)
        logger.info("archived", extra={"events": added, "repeated": len(events) - added})
        self._waiting = {}

    def _is_event(self, entry: Entry) -> bool:
        fields = entry.fields
        try:
            if fields.get("kind") != "event":
                return False
            row: dict[str, object] = {name: fields[name] for name in SCHEMA if name not in ("entry", "event_time_s")}
            row |= {"entry": entry_order(entry.entry_id), "event_time_s": int(fields["event_time_s"])}
        except (KeyError, ValueError):
            return False
        if not self._waiting:
            self._waiting_since_s = time.monotonic()
        self._waiting[entry.entry_id] = {**row, "request_id": row["request_id"] or None}
        return True

    def _is_due(self) -> bool:
        late = time.monotonic() - self._waiting_since_s >= self._settings.flush_interval_s
        return bool(self._waiting) and (late or len(self._waiting) >= self._settings.flush_events)
