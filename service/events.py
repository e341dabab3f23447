"""EventStore: idempotent ingest of events into histories, standing instructions and the trainer's stream."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import NoScriptError, RedisError

from service.errors import StoreUnavailableError
from service.history_codec import HistoryEvent, pack_event, pack_window
from service.ingest_script import INGEST_SCRIPT
from service.releases import ServedRelease
from service.request import IngestEvent
from service.settings import Settings
from service.standing import attribute_values
from service.store import Store
from service.user_keys import UserKeys
from service.users import EVENT_STREAM


@dataclass(frozen=True)
class Ingested:
    """What became of a batch; unknown_items counts accepted events whose item the catalogue does not have."""

    accepted: int
    duplicates: int
    unknown_items: int


class EventStore:
    """Writes events; one atomic script per user, all users of a batch in one transaction.

    An event id is taken once, whatever the event says; it is recognised for event_id_ttl_s. A late event is inserted
    in time order; one older than the stored_history_events newest of its user reaches the stream alone.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._script_sha: str | None = None

    async def ingest(self, events: Sequence[IngestEvent], served: ServedRelease) -> Ingested:
        """Store a checked batch; raises StoreUnavailableError, after which the same batch may be sent again."""
        first: dict[str, IngestEvent] = {}
        for event in events:
            first.setdefault(event.event_id, event)
        by_user: dict[str, list[IngestEvent]] = {}
        for event in sorted(first.values(), key=lambda event: event.event_time_s):
            by_user.setdefault(event.user_id, []).append(event)
        timeout_s = self._settings.ingest_timeout_ms / 1000
        calls = [self._arguments(user_id, own, served) for user_id, own in by_user.items()]
        added = await self._store.call("ingest", self._execute(calls), timeout_s)
        accepted = [
            event
            for own, flags in zip(by_user.values(), added, strict=True)
            for event, flag in zip(own, flags, strict=True)
            if flag
        ]
        unknown = sum(event.item_id not in served.catalogue.row_of for event in accepted)
        return Ingested(len(accepted), len(events) - len(accepted), unknown)

    def _arguments(
        self, user_id: str, events: Sequence[IngestEvent], served: ServedRelease
    ) -> tuple[int, list[str], list[str | bytes | int]]:
        """(number of keys, keys, values) of the script."""
        keys, settings = UserKeys.of(user_id), self._settings
        names = [*keys, EVENT_STREAM]
        names += [f"rec:event:{event.event_id}" for event in events]
        values: list[str | bytes | int] = [
            settings.event_id_ttl_s,
            settings.stored_history_events,
            settings.standing_window_events,
            settings.standing_top_p,
            settings.event_stream_events,
        ]
        for event in events:
            counted = attribute_values(served.catalogue, served.standing_attributes, event.item_id)
            values += [
                pack_event(HistoryEvent(event.item_id, event.event_time_s)),
                pack_window(event.event_time_s, counted),
                event.event_id,
                user_id,
                event.item_id,
                event.event_time_s,
                event.type,
                event.request_id or "",
            ]
        return len(names), names, values

    async def _execute(self, calls: Sequence[tuple[int, list[str], list[str | bytes | int]]]) -> list[list[int]]:
        """Run the script once per user in one MULTI, loading it first where Redis does not know it."""
        for _ in range(2):
            if self._script_sha is None:
                self._script_sha = await self._store.redis.script_load(INGEST_SCRIPT)
            pipe = self._store.redis.pipeline(transaction=True)
            for num_keys, names, values in calls:
                pipe.evalsha(self._script_sha, num_keys, *names, *values)
            answers = await pipe.execute(raise_on_error=False)
            failures = [answer for answer in answers if isinstance(answer, RedisError)]
            if not failures:
                return answers
            if not isinstance(failures[0], NoScriptError):
                raise failures[0]
            self._script_sha = None  # Redis was restarted; nothing of the batch has run
        raise StoreUnavailableError("the history store forgets its script")
