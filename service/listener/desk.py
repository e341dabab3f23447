"""ListenerDesk: consent before anything, values of a session in memory alone, and the end of both."""

import asyncio

from service.errors import ListenerOffError, StoreUnavailableError
from service.listener.consents import Consent, Consents
from service.listener.request import ConsentRequest, ReactionsRequest
from service.listener.sessions import Reacted, Sessions
from service.settings import Settings
from service.store import Store
from service.telemetry import Telemetry

SWEEP_S = 1.0


class ListenerDesk:
    """Every method raises ListenerOffError where the operator has not allowed it."""

    def __init__(self, settings: Settings, telemetry: Telemetry, store: Store) -> None:
        self._allowed = settings.listener_faces
        self._telemetry = telemetry
        self._consents = Consents(store, settings)
        self._sessions = Sessions(
            settings.listener_session_ttl_s, settings.listener_max_sessions, telemetry.listener_sessions
        )

    async def agree(self, body: ConsentRequest) -> Consent:
        """Store a consent."""
        self._check_allowed()
        consent = await self._consents.give(body.scope, body.text_version)
        self._telemetry.consents.labels(body.scope, "given").inc()
        return consent

    async def withdraw(self, consent_id: str) -> bool:
        """End a consent and delete what stands on it, here now and in other processes within SWEEP_S."""
        self._check_allowed()
        self._sessions.withdraw([consent_id])
        withdrawn = await self._consents.withdraw(consent_id)
        if withdrawn:
            self._telemetry.consents.labels("any", "withdrawn").inc()
        return withdrawn

    async def check_reading(self, consent_id: str | None) -> None:
        """Whether an image of a listener may be read; raises NoConsentError."""
        self._check_allowed()
        await self._consents.check(consent_id, "face_reading")

    async def react(self, body: ReactionsRequest) -> None:
        """Take the values of a session; raises NoConsentError."""
        self._check_allowed()
        await self._consents.check(body.consent_id, "reactions")
        values = [(reaction.cover_id, reaction.aus) for reaction in body.reactions]
        self._sessions.add(body.session_id, body.consent_id, values)

    async def reacted(self, session_id: str, consent_id: str) -> dict[str, Reacted]:
        """What a session comes to; raises NoConsentError."""
        self._check_allowed()
        await self._consents.check(consent_id, "reactions")
        return self._sessions.reacted(session_id, consent_id)

    def end(self, session_id: str) -> bool:
        """Delete a session."""
        self._check_allowed()
        return self._sessions.end(session_id)

    async def follow(self) -> None:
        """Delete what has ended, here or by a withdrawal in another process, until cancelled."""
        while self._allowed:
            await asyncio.sleep(SWEEP_S)
            self._sessions.expire()
            try:
                self._sessions.withdraw(await self._consents.withdrawn(self._sessions.consents()))
            except StoreUnavailableError:
                # Nobody can be asked: then nobody agrees, and the sessions are not worth keeping.
                self._sessions.withdraw(self._sessions.consents())

    def _check_allowed(self) -> None:
        if not self._allowed:
            raise ListenerOffError("REC_LISTENER_FACES is off: this service takes nothing of listeners' faces")
