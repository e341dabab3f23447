"""Refusal: the cheapest answer there is, sent before anything of a request is read, when no permit is left."""

import itertools
import re
import secrets

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission import Permits
from service.errors import PROBLEM_JSON, OverloadedError
from service.telemetry import Telemetry

PATH = "/recommend"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_DOCUMENT = {
    "type": f"urn:climber-pilot:problem:{OverloadedError.code}",
    "title": OverloadedError.title,
    "status": OverloadedError.status,
    "detail": "more requests are being answered than would be answered soon",
    "code": OverloadedError.code,
    "errors": [],
}
# The request id, the last member, is all that differs from one refusal to the next.
_BEFORE_ID = orjson.dumps(_DOCUMENT).removesuffix(b"}") + b',"request_id":"'
_AFTER_ID = b'"}'


class Refusal:
    """ASGI, outermost: answers POST /recommend with 503 overloaded while no permit is left; passes on all else.

    The permit itself is taken where the body has been read, so that no slow sender holds one. A refusal has no log
    line; rec_problems_total and rec_http_request_duration_seconds count it.
    """

    def __init__(self, app: ASGIApp, permits: Permits, telemetry: Telemetry) -> None:
        self._app = app
        self._permits = permits
        self._counted = telemetry.problems.labels(OverloadedError.code)
        self._timed = telemetry.http_duration.labels(PATH, "POST", OverloadedError.status)
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        refused = (
            scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST" and self._permits.refuses()
        )
        if not refused:
            await self._app(scope, receive, send)
            return
        self._counted.inc()
        self._timed.observe(0.0)
        request_id = self._request_id(scope)
        body = _BEFORE_ID + request_id + _AFTER_ID
        headers = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"%d" % self._permits.retry_after_s),
            (b"x-request-id", request_id),
        ]
        await send({"type": "http.response.start", "status": OverloadedError.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                return value
        return b"%b%012x" % (self._prefix.encode(), next(self._numbers))
