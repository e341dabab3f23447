"""Shortcut: answers the busiest paths without the router.

The endpoint is the same function that FastAPI knows, documents and would call; what is left out - layers that look at
every message, matching paths in turn, dependencies, exit stacks - costs more than the endpoint's own work.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from service.errors import ServiceError

Endpoint = Callable[[Request], Awaitable[Response]]
# What the metrics call the route; set here where no router sets it.
ROUTE_KEY = "shortcut"


class Shortcut:
    """Calls the endpoint of (method, path) directly."""

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Endpoint],
        on_refused: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        """`on_refused`: makes the answer of a ServiceError."""
        self.endpoints = endpoints
        self.on_refused = on_refused

    def leads(self, scope: Scope) -> bool:
        """Whether there is such an endpoint."""
        return scope["type"] == "http" and (scope["method"], scope["path"]) in self.endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an ASGI connection that it leads somewhere."""
        scope[ROUTE_KEY] = scope["path"]
        request = Request(scope, receive, send)
        try:
            response = await self.endpoints[scope["method"], scope["path"]](request)
        except ServiceError as error:
            response = await self.on_refused(request, error)
        await response(scope, receive, send)
