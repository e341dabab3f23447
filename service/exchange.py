"""Exchange: one HTTP request and its answer - id, stage times, metrics, one log line."""

import logging
import random
import re
import time
from dataclasses import dataclass, field

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import InternalError, problem_response
from service.logs import failure_fields
from service.shortcut import ROUTE_KEY
from service.telemetry import Telemetry

SCOPE_KEY = "exchange"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_ids = random.Random()  # of its own seed in every process; an id has to be unique, not secret
logger = logging.getLogger("service.exchange")


@dataclass
class Exchange:
    """What is known of a request while it is answered; `notes` go into its log line."""

    request_id: str
    started_s: float = field(default_factory=time.monotonic)
    stages_ms: dict[str, float] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)

    def stage(self, name: str) -> "Stage":
        """Time the body of a with-statement; a stage entered twice adds up."""
        return Stage(self.stages_ms, name)

    @property
    def took_ms(self) -> float:
        """Time since the request arrived."""
        return (time.monotonic() - self.started_s) * 1000

    def server_timing(self) -> str:
        """The Server-Timing header: every stage and the total, in milliseconds."""
        stages = "".join([f"{name};dur={spent_ms:.3f}, " for name, spent_ms in self.stages_ms.items()])
        return f"{stages}total;dur={self.took_ms:.3f}"


class Stage:
    """Adds the time of a with-statement to the stages of an exchange; a class, for a generator costs three times it."""

    __slots__ = ("_name", "_stages_ms", "_started_s")

    def __init__(self, stages_ms: dict[str, float], name: str) -> None:
        self._stages_ms = stages_ms
        self._name = name

    def __enter__(self) -> None:
        self._started_s = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent_ms = (time.perf_counter() - self._started_s) * 1000
        self._stages_ms[self._name] = self._stages_ms.get(self._name, 0.0) + spent_ms


class ExchangeMiddleware:
    """Opens an Exchange for every HTTP request and closes it with headers, metrics and a log line.

    A client's x-request-id is kept where it is 1 to 128 plain characters, else replaced. What no handler caught is
    answered here as an internal_error, so that no message of an exception reaches a client or the log.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry
        self._children: dict[tuple[object, ...], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = scope[SCOPE_KEY] = Exchange(_request_id(scope))
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (
                    (b"x-request-id", exchange.request_id.encode()),
                    (b"server-timing", exchange.server_timing().encode()),
                )
                message["headers"] = [*message["headers"], *own]
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
        took_ms = exchange.took_ms
        found = scope.get("route")
        route: str = scope[ROUTE_KEY] if ROUTE_KEY in scope else getattr(found, "path_format", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._child(self.telemetry.http_duration, route, method, status).observe(took_ms / 1000)
        for stage, spent_ms in exchange.stages_ms.items():
            self._child(self.telemetry.stage_duration, stage).observe(spent_ms / 1000)
        if logger.isEnabledFor(logging.INFO):
            fields = {"request_id": exchange.request_id, "route": route, "method": method, "status": status}
            fields |= {"took_ms": round(took_ms, 3), **exchange.notes}
            # What logger.info does, without a walk up the stack to find out that it was called here.
            record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, "request", (), None, extra=fields)
            logger.handle(record)

    def _child(self, histogram: Histogram, *labels: str | int) -> Histogram:
        """The histogram of these labels; looked up once, for labels come from closed sets."""
        key = (histogram, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = histogram.labels(*labels)
        return found


def _request_id(scope: Scope) -> str:
    """The client's id where it is a plain one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            offered = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(offered):
                return str(offered)
            break
    return f"{_ids.getrandbits(128):032x}"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
