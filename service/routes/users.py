"""GET and DELETE /users/{user_id}/history: what is stored of a user, and how to forget it."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from service.assembly import service_of
from service.openapi import problems
from service.request import Event, Id

router = APIRouter()
UserId = Annotated[Id, Path(description="any user id; an unknown one has an empty history")]


@dataclass(frozen=True)
class StandingValue:
    """A standing instruction: items whose attribute has this value."""

    attribute: str
    value: str


@dataclass(frozen=True)
class UserHistory:
    """The stored events of a user, oldest first, and the standing instructions that follow from them."""

    user_id: str
    events: list[Event]
    standing_instructions: list[StandingValue]


@dataclass(frozen=True)
class Deleted:
    """How many events were forgotten, and how many logged requests."""

    user_id: str
    deleted_events: int
    deleted_exposures: int


@router.get(
    "/users/{user_id:path}/history",
    operation_id="read_history",
    summary="Read a user's history",
    responses={200: {"model": UserHistory, "description": "the history"}, **problems(422, 503)},
)
async def read_history(request: Request, user_id: UserId) -> Response:
    """The stored history and standing instructions of a user."""
    service, exchange = service_of(request)
    exchange.notes["user"] = service.user_hash(user_id)
    stored = await service.users.fetch(user_id)
    standing = stored.standing_values()
    document = {
        "user_id": user_id,
        "events": [event._asdict() for event in stored.history or ()],
        "standing_instructions": [StandingValue(*pair) for pair in standing],
    }
    return Response(orjson.dumps(document), media_type="application/json")


@router.delete(
    "/users/{user_id:path}/history",
    operation_id="delete_history",
    summary="Forget a user's history",
    responses={200: {"model": Deleted, "description": "forgotten"}, **problems(422, 503)},
)
async def delete_history(request: Request, user_id: UserId) -> Response:
    """Delete history, standing instructions and logged exposures at once and tell the trainer; may be repeated."""
    service, exchange = service_of(request)
    exchange.notes["user"] = service.user_hash(user_id)
    deleted = await service.cached_users.delete(user_id)
    exposures = await service.exposures.forget(user_id)
    return Response(orjson.dumps(Deleted(user_id, deleted, exposures)), media_type="application/json")
