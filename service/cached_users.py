"""CachedUsers: users of the history store, read through this process's cache."""

from hashlib import blake2b

from service.history import UsedHistory, use_history
from service.recent_requests import RecentRequests
from service.releases import ServedRelease
from service.state_cache import CachedUser, StateCache
from service.users import UserStore


class CachedUsers:
    """The store says which version of a user is right; only where the cache has another is the history read."""

    def __init__(self, store: UserStore, cache: StateCache, recent: RecentRequests) -> None:
        self._store = store
        self._cache = cache
        self._recent = recent

    def serve(self, release_ids: frozenset[str]) -> None:
        """Know users of these releases from now on and no other's."""
        self._cache.serve(release_ids)

    def knows(self, served: ServedRelease, user_id: str) -> CachedUser | None:
        """What this process knows of a user, right or not."""
        return self._cache.find(served.release_id, user_id)

    async def fetch(
        self, served: ServedRelease, user_id: str, within_s: float | None = None
    ) -> tuple[CachedUser, bytes]:
        """(the user as stored, packed standing instructions); raises StoreUnavailableError."""
        known, erasures = self.knows(served, user_id), self._cache.erasures
        stored = await self._store.fetch(user_id, within_s, known.version if known is not None else b"")
        if stored.history is None and known is not None:
            return known, stored.standing
        user = CachedUser(user_id, stored.version, use_history(served.catalogue, stored.history or (), ()))
        return self._cache.put(served.release_id, user, erasures), stored.standing

    def unnamed(self, served: ServedRelease, history: UsedHistory) -> CachedUser:
        """The user of a history that came with a request alone, known by the history itself."""
        key = blake2b(history.rows.tobytes() + history.time_s.tobytes(), digest_size=16).digest()
        known = self._cache.find(served.release_id, key)
        return known or self._cache.put(served.release_id, CachedUser(key, b"", history), self._cache.erasures)

    async def delete(self, user_id: str) -> int:
        """Forget a user in the store and here; how many events were deleted."""
        try:
            return await self._store.delete(user_id)
        finally:
            self._cache.forget(user_id)
            self._recent.forget(user_id)
