"""EventStream: the service's stream of events as one consumer of a group sees it, each entry until it is finished."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from service.users import EVENT_STREAM

GROUP = "trainer"
FIRST = "0-0"


class Entry(NamedTuple):
    """One entry; fields is empty where the stream was cut before it was read."""

    entry_id: str
    fields: dict[str, str]


class EventStream:
    """Entries are read in order and stay this consumer's until `finish`; after a kill they are read again."""

    def __init__(self, redis: Redis, consumer: str, claim_idle_s: float) -> None:
        self._redis = redis
        self._consumer = consumer
        self._claim_idle_s = claim_idle_s
        self._claim_at_s = 0.0
        self._own_after: str | None = FIRST

    def join(self) -> int:
        """Make the group where there is none, from the stream's first entry; entries that were cut off unread."""
        try:
            self._redis.xgroup_create(EVENT_STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        stream, group = self._redis.xinfo_stream(EVENT_STREAM), self._group()
        cut = stream["entries-added"] - stream["length"]
        read = group["entries-read"]
        return max(0, cut - (read or 0)) if read is not None or group["last-delivered-id"] == FIRST.encode() else 0

    def read(self, count: int, wait_ms: int) -> list[Entry]:
        """At most `count` entries: what this consumer left unfinished, then what dead ones did, then new ones.

        Waits for a new one at most wait_ms; 0 does not wait.
        """
        if self._own_after is not None:
            found = self._read_group(self._own_after, count, None)
            self._own_after = found[-1].entry_id if found else None
            if found:
                return found
        return self._claim(count) or self._read_group(">", count, wait_ms or None)

    def finish(self, entry_ids: Iterable[str]) -> None:
        """Nothing of these entries is left to be done."""
        ids = list(entry_ids)
        for first in range(0, len(ids), 1_000):
            self._redis.xack(EVENT_STREAM, GROUP, *ids[first : first + 1_000])

    def unfinished_from(self) -> str | None:
        """The oldest entry that some consumer has read and not finished; None where there is none."""
        pending = self._redis.xpending(EVENT_STREAM, GROUP)
        return pending["min"].decode() if pending["pending"] else None

    def lag(self) -> int:
        """Entries of the stream that nobody has finished."""
        group = self._group()
        return int(group["lag"] or 0) + int(group["pending"])

    def _group(self) -> dict:
        groups = self._redis.xinfo_groups(EVENT_STREAM)
        return next(group for group in groups if group["name"] == GROUP.encode())

    def _claim(self, count: int) -> list[Entry]:
        """Now and then: what nobody has finished for long, be it this consumer's own that takes so long."""
        now_s = time.monotonic()
        if now_s < self._claim_at_s:
            return []
        idle_ms = int(1000 * self._claim_idle_s)
        answer: Any = self._redis.xautoclaim(EVENT_STREAM, GROUP, self._consumer, idle_ms, start_id=FIRST, count=count)
        _, found, _ = answer
        if len(found) < count:
            self._claim_at_s = now_s + self._claim_idle_s
        return [_entry(*one) for one in found]

    def _read_group(self, after: str, count: int, wait_ms: int | None) -> list[Entry]:
        streams: Any = {EVENT_STREAM: after}
        found: Any = self._redis.xreadgroup(GROUP, self._consumer, streams, count=count, block=wait_ms)
        return [_entry(*one) for _, entries in found or () for one in entries]


def entry_order(entry_id: str) -> str:
    """The id in a form whose texts sort as the entries do."""
    milliseconds, _, sequence = entry_id.partition("-")
    return f"{int(milliseconds):015d}-{int(sequence or 0):010d}"


def _entry(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    return Entry(entry_id.decode(), {name.decode(): value.decode() for name, value in (fields or {}).items()})
