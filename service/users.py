"""UserStore: a user's history, its version and the standing instructions, read in one round trip."""

from dataclasses import dataclass

from service.errors import StoreUnavailableError
from service.history_codec import AttributeValue, HistoryEvent, unpack_event, unpack_values
from service.settings import Settings
from service.store import Store
from service.user_keys import UserKeys
from service.user_reads import FOREIGN_ENTRY, UserReads

EVENT_STREAM = "rec:events"


@dataclass(frozen=True)
class StoredUser:
    """What the store holds of a user; empty for one it has never heard of.

    history: oldest first; None where it is that of the version the caller knows.
    standing: packed (attribute, value) pairs. version: changes with every change of the history, b"" for none.
    """

    history: tuple[HistoryEvent, ...] | None = ()
    standing: bytes = b""
    version: bytes = b""

    def standing_values(self) -> list[AttributeValue]:
        """The pairs of `standing`; raises StoreUnavailableError."""
        try:
            return unpack_values(self.standing)
        except ValueError as error:
            raise StoreUnavailableError(FOREIGN_ENTRY) from error


class UserStore:
    """Histories by user id in Redis; all methods raise StoreUnavailableError."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._timeout_s = settings.redis_timeout_ms / 1000
        self._ingest_timeout_s = settings.ingest_timeout_ms / 1000
        self._reads = UserReads(store, self._timeout_s)

    async def fetch(self, user_id: str, within_s: float | None = None, known: bytes = b"") -> StoredUser:
        """History and standing instructions, read together with what other requests ask at the time.

        within_s: what the deadline leaves, if that is less than the store's time limit.
        known: the version whose history the caller has; the history is not read again while it is the same.
        """
        timeout_s = self._timeout_s if within_s is None else min(self._timeout_s, within_s)
        version, standing, entries = await self._reads.ask(user_id, known, timeout_s)
        if entries is None:
            return StoredUser(None, standing, version)
        try:
            return StoredUser(tuple(map(unpack_event, entries)), standing, version)
        except ValueError as error:
            raise StoreUnavailableError(FOREIGN_ENTRY) from error

    async def delete(self, user_id: str) -> int:
        """Forget the history; the stream gets an erasure record, so that the trainer forgets too. Events deleted."""
        keys = UserKeys.of(user_id)
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.llen(keys.history)
        pipe.delete(*keys)
        pipe.xadd(EVENT_STREAM, {"kind": "erasure", "user_id": user_id})
        deleted, _, _ = await self._store.call("delete", pipe.execute(), self._ingest_timeout_s)
        return int(deleted)
