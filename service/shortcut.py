"""Shortcut: answers the busiest paths without the router.

The endpoint is the same function that FastAPI knows, documents and would call; what is left out - matching paths in
turn, dependencies, exit stacks - costs more than the endpoint's own work on the request.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ServiceError

Endpoint = Callable[[Request], Awaitable[Response]]
# What the metrics call the route; set here where no router sets it.
ROUTE_KEY = "shortcut"


class Shortcut:
    """Calls the endpoint of (method, path) directly and everything else through the application."""

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[tuple[str, str], Endpoint],
        on_refused: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        """`on_refused`: makes the answer of a ServiceError."""
        self.app = app
        self.endpoints = endpoints
        self.on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        endpoint = self.endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        scope[ROUTE_KEY] = scope["path"]
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
        except ServiceError as error:
            response = await self.on_refused(request, error)
        await response(scope, receive, send)
