"""Exchange: one HTTP request and its answer - id, stage times, metrics, one log line."""

import logging
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import InternalError, problem_response
from service.logs import failure_fields
from service.telemetry import Telemetry

SCOPE_KEY = "exchange"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
logger = logging.getLogger("service.exchange")


@dataclass
class Exchange:
    """What is known of a request while it is answered; `notes` go into its log line."""

    request_id: str
    started_s: float = field(default_factory=time.monotonic)
    stages_ms: dict[str, float] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a with-statement; a stage entered twice adds up."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            spent_ms = (time.perf_counter() - started_s) * 1000
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + spent_ms

    @property
    def took_ms(self) -> float:
        """Time since the request arrived."""
        return (time.monotonic() - self.started_s) * 1000

    def server_timing(self) -> str:
        """The Server-Timing header: every stage and the total, in milliseconds."""
        stages = {**self.stages_ms, "total": self.took_ms}
        return ", ".join(f"{name};dur={spent_ms:.3f}" for name, spent_ms in stages.items())


class ExchangeMiddleware:
    """Opens an Exchange for every HTTP request and closes it with headers, metrics and a log line.

    A client's x-request-id is kept where it is 1 to 128 plain characters, else replaced. What no handler caught is
    answered here as an internal_error, so that no message of an exception reaches a client or the log.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        exchange = Exchange(offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex)
        scope[SCOPE_KEY] = exchange
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = exchange.request_id
                headers["server-timing"] = exchange.server_timing()
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            logger.error("unhandled", extra={"request_id": exchange.request_id, **failure_fields(error)})
            if status == 0:
                self.telemetry.problems.labels(InternalError.code).inc()
                answer = problem_response(InternalError("the service failed to answer"), exchange.request_id)
                await answer(scope, receive, send_with_headers)
        finally:
            self._close(exchange, scope, status)

    def _close(self, exchange: Exchange, scope: Scope, status: int) -> None:
        route = getattr(scope.get("route"), "path_format", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.telemetry.http_duration.labels(route, method, status).observe(exchange.took_ms / 1000)
        for stage, spent_ms in exchange.stages_ms.items():
            self.telemetry.stage_duration.labels(stage).observe(spent_ms / 1000)
        fields = {"request_id": exchange.request_id, "route": route, "method": method, "status": status}
        logger.info("request", extra={**fields, "took_ms": round(exchange.took_ms, 3), **exchange.notes})


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
