"""UserStore: a user's history and standing instructions, read in one round trip."""

from dataclasses import dataclass

from service.errors import StoreUnavailableError
from service.history_codec import AttributeValue, HistoryEvent, unpack_event, unpack_values
from service.settings import Settings
from service.store import Store

EVENT_STREAM = "rec:events"


@dataclass(frozen=True)
class StoredUser:
    """What the store holds of a user; empty for one it has never heard of. history: oldest first."""

    history: tuple[HistoryEvent, ...] = ()
    standing: tuple[AttributeValue, ...] = ()


@dataclass(frozen=True)
class UserKeys:
    """The Redis keys of one user; the braces keep them in one slot of a cluster."""

    history: str
    window: str
    standing: str

    @classmethod
    def of(cls, user_id: str) -> "UserKeys":
        """The keys of a user."""
        prefix = f"rec:user:{{{user_id}}}"
        return cls(f"{prefix}:history", f"{prefix}:window", f"{prefix}:standing")


class UserStore:
    """Histories by user id in Redis; all methods raise StoreUnavailableError."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._timeout_s = settings.redis_timeout_ms / 1000
        self._ingest_timeout_s = settings.ingest_timeout_ms / 1000

    async def fetch(self, user_id: str, within_s: float | None = None) -> StoredUser:
        """History and standing instructions; `within_s`: what the deadline leaves, if that is less."""
        keys = UserKeys.of(user_id)
        pipe = self._store.redis.pipeline(transaction=False)
        pipe.lrange(keys.history, 0, -1)
        pipe.get(keys.standing)
        timeout_s = self._timeout_s if within_s is None else min(self._timeout_s, within_s)
        entries, standing = await self._store.call("fetch", pipe.execute(), timeout_s)
        try:
            return StoredUser(tuple(map(unpack_event, entries)), tuple(unpack_values(standing or b"")))
        except ValueError as error:
            raise StoreUnavailableError("the history store holds an entry that is none of ours") from error

    async def delete(self, user_id: str) -> int:
        """Forget the history; the stream gets an erasure record, so that the trainer forgets too. Events deleted."""
        keys = UserKeys.of(user_id)
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.llen(keys.history)
        pipe.delete(keys.history, keys.window, keys.standing)
        pipe.xadd(EVENT_STREAM, {"kind": "erasure", "user_id": user_id})
        deleted, _, _ = await self._store.call("delete", pipe.execute(), self._ingest_timeout_s)
        return int(deleted)
