"""Pipeline: one request for recommendations, told in order; no HTTP in it."""

import logging
import time
from dataclasses import dataclass

import numpy as np

from model.climber_pilot.inference import RetrievalRequest
from service.admission import Deadline
from service.answer import SourceReason, ignored_items
from service.arms import Arms
from service.batcher import Batcher
from service.cached_users import CachedUsers
from service.errors import OverloadedError, StoreLateError, StoreUnavailableError
from service.exchange import Exchange
from service.exposures import ExposureLog
from service.fallback import Fallback
from service.findings import NO_ROWS, Findings
from service.history import known_rows, use_history
from service.history_codec import HistoryEvent
from service.instructions import standing_instructions
from service.logs import failure_fields
from service.presentation import Answer, present
from service.recent_requests import RecentRequests
from service.releases import Releases
from service.request import RecommendRequest
from service.settings import Settings
from service.standing import attribute_values, top_values
from service.state_cache import CachedUser
from service.telemetry import Telemetry
from service.user_reads import FOREIGN_ENTRY

logger = logging.getLogger("service.pipeline")


@dataclass
class Pipeline:
    """Everything a recommendation passes through, in the order of `recommend`."""

    settings: Settings
    telemetry: Telemetry
    releases: Releases
    arms: Arms
    users: CachedUsers
    batcher: Batcher
    fallback: Fallback
    recent: RecentRequests
    exposures: ExposureLog

    async def recommend(self, request: RecommendRequest, exchange: Exchange) -> Answer:
        """The answer to a checked request; raises InvalidRequestError, NotReadyError or StoreUnavailableError."""
        request, found = self.arms.begin(request, exchange.request_id)
        self.users.serve(self.releases.in_use)
        deadline = Deadline(request.deadline_ms or self.settings.default_deadline_ms, exchange.started_s)
        if not isinstance(request.instructions, str):
            found.instructions = found.served.instructions.parse(request.instructions)
        with exchange.stage("history"):
            user = await self._user(request, found, deadline)
        self.recent.note(request.user_id, found.history.events, found.instructions, request.k, exchange.started_s)
        excluded = self._excluded(request, found)
        with exchange.stage("retrieval"):
            await self._retrieve(request, found, user, excluded, deadline)
        with exchange.stage("slate"):
            answer = present(request, found, exchange)
        self._record(answer, exchange)
        self.exposures.note(request, answer, found.assignment)
        return answer

    async def _user(self, request: RecommendRequest, found: Findings, deadline: Deadline) -> CachedUser | None:
        """Fill in the history to use and standing instructions; the user they are of, None for one without history."""
        served = found.served
        stored, standing = await self._stored(request, found, deadline)
        if request.history or stored is None:
            sent = [HistoryEvent(event.item_id, event.event_time_s) for event in request.history]
            found.history = use_history(served.catalogue, stored.history.events if stored else (), sent)
            if stored is None and sent:
                stored = self.users.unnamed(served, found.history)
        else:
            found.history = stored.history
        if isinstance(request.instructions, str):
            self._stand(found, standing)
        return stored

    async def _stored(
        self, request: RecommendRequest, found: Findings, deadline: Deadline
    ) -> tuple[CachedUser | None, bytes]:
        """(the stored user, standing instructions). Without the store a history in the body is enough for an answer."""
        if request.user_id is None:
            return None, b""
        left_s = deadline.remaining_s(self.settings.fallback_reserve_ms)
        try:
            return await self.users.fetch(found.served, request.user_id, left_s)
        except StoreUnavailableError as error:
            if isinstance(error, StoreLateError) and left_s * 1000 < self.settings.redis_timeout_ms:
                found.warn("history_not_read", "the deadline left no time for it; seen items may be among the list")
                return None, b""
            if not request.history:
                raise
            found.warn("history_store_unavailable", f"{error.detail}; only the history of the request was used")
            return None, b""

    def _stand(self, found: Findings, standing: bytes) -> None:
        """Take the standing instructions of the store; where it has none, those of the history at hand."""
        served, settings, events = found.served, self.settings, found.history.events
        try:
            found.instructions = served.instructions.standing(standing)
        except ValueError as error:
            raise StoreUnavailableError(FOREIGN_ENTRY) from error
        if not found.instructions and events:
            recent = events[-settings.standing_window_events :]
            window = [attribute_values(served.catalogue, served.standing_attributes, event.item_id) for event in recent]
            values = top_values(window, settings.standing_top_p)
            found.instructions = standing_instructions(served.catalogue, values)
            if found.instructions:
                found.warn("standing_from_history", "none are stored; computed from the history of this request")
        if not found.instructions:
            found.warn("no_standing_instructions", "none are stored and none follow from the history; none was used")

    def _excluded(self, request: RecommendRequest, found: Findings) -> np.ndarray:
        """int64, ascending: rows that no list may contain. Says which ids mean nothing to the release."""
        rows, unknown = (NO_ROWS, {}) if not request.exclude else known_rows(found.served.catalogue, request.exclude)
        if unknown or found.history.unknown:
            found.ignored = ignored_items(found.history.unknown, unknown)
        if not request.exclude_seen:
            return np.unique(rows)
        return np.union1d(rows, found.history.seen) if len(rows) else found.history.seen

    async def _retrieve(
        self,
        request: RecommendRequest,
        found: Findings,
        user: CachedUser | None,
        excluded: np.ndarray,
        deadline: Deadline,
    ) -> None:
        """Candidates of the model, or of popularity with the reason for it."""
        conditions = tuple([instruction.condition for instruction in found.asked])
        history, exploration = found.history, found.exploration
        if user is not None and len(history.rows):
            asked = RetrievalRequest(
                history.past,
                conditions,
                request.k if exploration is None else max(request.k, exploration.candidates),
                request.mode,
                found.policy,
                excluded,
                int(time.time()) if request.request_time_s is None else request.request_time_s,
                user.state if user.state_of is history else None,
            )
            found.source_reason = await self._ask_model(found, asked, user, deadline)
            if found.source_reason is None:
                return
            found.source = "fallback"
        elif any(one.code == "history_not_read" for one in found.warnings):
            found.source, found.source_reason = "fallback", "deadline"
        else:
            found.source, found.source_reason = "cold_start", "no_known_item" if history.events else "no_history"
        found.candidates = await self.fallback.most_popular(found.served, found.policy, conditions, request.k, excluded)

    async def _ask_model(
        self, found: Findings, asked: RetrievalRequest, user: CachedUser, deadline: Deadline
    ) -> SourceReason | None:
        """Fill in the model's candidates; the reason where it has none in time."""
        remaining_s = deadline.remaining_s(self.settings.fallback_reserve_ms)
        if remaining_s == 0:
            return "deadline"
        user.wanted = True
        try:
            due_s = time.monotonic() + remaining_s
            found.candidates = await self.batcher.ask(found.served, asked, found.history, user, due_s)
        except TimeoutError:
            return "deadline"
        except OverloadedError:
            raise
        except Exception as error:
            # Whatever is wrong with the model, the client still gets a list, marked and counted.
            logger.error("model_failed", extra=failure_fields(error))
            return "model_error"
        return None

    def _record(self, answer: Answer, exchange: Exchange) -> None:
        self.telemetry.recommendations.labels(answer.source, answer.mode).inc()
        if answer.source == "fallback":
            self.telemetry.fallbacks.labels(answer.source_reason).inc()
        self.telemetry.items_served.inc(answer.num_items)
        if answer.mode == "strict":
            self.telemetry.noncompliant_items.inc(answer.num_noncompliant)
        exchange.notes.update(source=answer.source, source_reason=answer.source_reason, release=answer.release)
        if answer.arm is not None:
            exchange.notes["arm"] = answer.arm
        exchange.notes.update(items=answer.num_items, history_events=answer.history_events_used)
