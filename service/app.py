"""create_app(settings): routes, error handlers, start and stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from service.assembly import Service, service_of
from service.errors import (
    FieldError,
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    ServiceError,
    problem_response,
)
from service.exchange import ExchangeMiddleware
from service.logs import failure_fields
from service.openapi import complete
from service.routes import (
    artwork,
    artwork_faces,
    artwork_index,
    artwork_map,
    artwork_match,
    artwork_search,
    artwork_search_aus,
    attributes,
    events,
    faces_aus,
    faces_describe,
    faces_regions,
    hand_model,
    hand_points,
    hand_pose,
    hand_stream,
    health,
    items,
    listener_consents,
    listener_reactions,
    metrics,
    pages,
    recommend,
    users,
)
from service.settings import Settings
from service.shortcut import Shortcut

logger = logging.getLogger("service.app")
ROUTES = (
    *(recommend, events, users, items, attributes),
    # `artwork` last of these: its path takes any name.
    *(artwork_search, artwork_match, artwork_index, artwork_map, artwork),
    *(hand_model, hand_points, hand_pose, hand_stream),
    *(faces_aus, artwork_faces, artwork_search_aus, listener_consents, listener_reactions),
    *(faces_describe, faces_regions),
    *(health, metrics, pages),
)
SHORTCUTS = {("POST", "/recommend"): recommend.recommend}


class Application(FastAPI):
    """FastAPI, except that the busiest paths have nothing around them but their exchange."""

    shortcut: Shortcut
    busiest: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if self.shortcut.leads(scope):
            scope["app"] = self
            await self.busiest(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, on_refused: Callable[[], None] = lambda: None) -> FastAPI:
    """The ASGI application. It loads its release in the background: live at once, ready after warm-up.

    on_refused: called when the release cannot be served.
    """
    service = Service.assemble(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = [
            asyncio.create_task(_watch(service, on_refused)),
            asyncio.create_task(_watch_covers(service, on_refused)),
            *map(asyncio.create_task, service.followers()),
        ]
        yield
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
        await service.close()

    app = Application(title="Climber-Pilot Serving", version="0.1.0", lifespan=lifespan, redirect_slashes=False)
    app.shortcut = Shortcut(SHORTCUTS, _problem)
    app.busiest = ExchangeMiddleware(app.shortcut, service.telemetry)
    app.state.service = service
    for route in ROUTES:
        app.include_router(route.router)
    app.add_middleware(ExchangeMiddleware, telemetry=service.telemetry)
    app.add_exception_handler(ServiceError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid_parameter)
    app.add_exception_handler(HTTPException, _http_error)
    _describe(app, service)
    return app


async def _watch(service: Service, on_refused: Callable[[], None]) -> None:
    """Serve the current release of the recommender and follow it, where there is to be one."""
    if service.watch is None:
        return
    try:
        await service.watch.start()
    except Exception as error:
        logger.critical("start_failed", extra=failure_fields(error))
        on_refused()
        return
    if service.releases.failure is not None:
        on_refused()
    else:
        await service.watch.follow()


async def _watch_covers(service: Service, on_refused: Callable[[], None]) -> None:
    """The same of the covers; without them a process that recommends serves on, and /health/ready says so."""
    covers = service.artwork.releases
    await covers.look()
    if service.watch is None and covers.refused is not None:
        on_refused()
    else:
        await covers.follow()


def _describe(app: FastAPI, service: Service) -> None:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        served = service.releases.served if service.releases.is_served else None
        app.openapi_schema = None  # made anew: examples carry times and follow the release
        return complete(plain(), service.settings, served, service.artwork.releases.example)

    app.openapi = openapi  # type: ignore[method-assign]


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    service, exchange = service_of(request)
    service.telemetry.problems.labels(error.code).inc()
    exchange.notes["problem"] = error.code
    return problem_response(error, exchange.request_id)


async def _invalid_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    faults = [
        FieldError(".".join(str(part) for part in fault["loc"][1:]), fault["msg"], fault["type"])
        for fault in error.errors()
    ]
    return await _problem(request, InvalidRequestError(faults))


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such path, no such method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await _problem(request, NotFoundError("there is nothing at this path"))
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        return await _problem(request, MethodNotAllowedError(f"expected one of {allowed}", headers={"allow": allowed}))
    return await _problem(request, InternalError("the service failed to answer"))


def _methods(request: Request) -> set[str]:
    """Every method that some route has for the path; a path may be spread over several routes."""
    scope = {**request.scope, "method": ""}
    routes = [route for module in ROUTES for route in module.router.routes]
    matching = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
    # /artwork/search is no cover's path, although /artwork/{artwork_id} would take it.
    literal = [route for route in matching if getattr(route, "path", None) == scope["path"]]
    return {method for route in literal or matching for method in getattr(route, "methods", None) or ()}
