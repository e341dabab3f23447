"""Consents: who agreed to what, by a random id that names no user; in Redis, so that every process knows."""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from service.errors import NoConsentError
from service.settings import Settings
from service.store import Store

PREFIX = "rec:consent:"


@dataclass(frozen=True)
class Consent:
    """One use, agreed to at a time under a version of the text; it ends by itself."""

    consent_id: str
    scope: str
    text_version: str
    given_at_s: int
    ends_at_s: int


class Consents:
    """All methods raise StoreUnavailableError: without a store nobody has agreed to anything."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._timeout_s = settings.redis_timeout_ms / 1000
        self._write_timeout_s = settings.ingest_timeout_ms / 1000
        self._ttl_s = settings.consent_ttl_s

    async def give(self, scope: str, text_version: str) -> Consent:
        """Store a consent."""
        now_s = int(time.time())
        consent = Consent(secrets.token_hex(16), scope, text_version, now_s, now_s + self._ttl_s)
        value = orjson.dumps({"scope": scope, "text_version": text_version, "given_at_s": now_s})
        write = self._store.redis.set(PREFIX + consent.consent_id, value, ex=self._ttl_s)
        await self._store.call("consent", write, self._write_timeout_s)
        return consent

    async def check(self, consent_id: str | None, scope: str) -> None:
        """Raise NoConsentError unless this was agreed to and not withdrawn."""
        found = None
        if consent_id is not None:
            found = await self._store.call("consent", self._store.redis.get(PREFIX + consent_id), self._timeout_s)
        if found is None or orjson.loads(found)["scope"] != scope:
            raise NoConsentError(f"expected a consent of scope {scope} that was given and not withdrawn")

    async def withdraw(self, consent_id: str) -> bool:
        """Forget a consent; whether there was one."""
        delete = self._store.redis.delete(PREFIX + consent_id)
        return bool(await self._store.call("consent", delete, self._write_timeout_s))

    async def withdrawn(self, consent_ids: Collection[str]) -> set[str]:
        """Those that are not in force, whoever ended them."""
        ids = list(consent_ids)
        if not ids:
            return set()
        keys = [PREFIX + one for one in ids]
        found = await self._store.call("consent", self._store.redis.mget(keys), self._timeout_s)
        return {one for one, value in zip(ids, found, strict=True) if value is None}
