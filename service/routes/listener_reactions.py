"""POST, GET and DELETE /listener/reactions: what a face did while covers were shown, kept for the session alone."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.faces.request import ConsentId
from service.listener.request import ReactionsRequest, SessionId
from service.openapi import json_body, problems

router = APIRouter()


@dataclass(frozen=True)
class ReactedCovers:
    """On `covers` of the `of` covers where it was measured the smoothed value was 0.5 or more."""

    covers: int
    of: int


@dataclass(frozen=True)
class SessionReactions:
    """A weak signal, action unit by action unit, and no diagnosis."""

    reacted: dict[str, ReactedCovers]


@dataclass(frozen=True)
class SessionEnded:
    """Whether there was a session to delete."""

    deleted: bool


@router.post(
    "/listener/reactions",
    status_code=204,
    operation_id="send_reactions",
    summary="Send action units computed on the device",
    responses={204: {"description": "taken"}, **problems(400, 403, 408, 409, 413, 415, 422, 503)},
    openapi_extra=json_body(ReactionsRequest),
)
async def send_reactions(request: Request) -> Response:
    """Smooth values into the session, in the memory of this process: never on disk, in the store or in the log.

    Frames and landmarks stay on the device. A session ends when it is deleted, its consent is withdrawn, or nothing is
    heard of it for listener_session_ttl_s.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, ReactionsRequest, service.settings, ("[key]",))
    await service.listener.react(body)
    return Response(status_code=204)


@router.get(
    "/listener/reactions/{session_id}",
    operation_id="read_reactions",
    summary="What a session comes to",
    responses={200: {"model": SessionReactions, "description": "the counts"}, **problems(403, 409, 422, 503)},
)
async def read_reactions(
    request: Request, session_id: Annotated[SessionId, Path()], consent_id: Annotated[ConsentId, Query()]
) -> Response:
    """How many covers each action unit reacted to; empty where the session is not known, here or any more."""
    service, _ = service_of(request)
    reacted = await service.listener.reacted(session_id, consent_id)
    document = SessionReactions({au: ReactedCovers(*counts) for au, counts in reacted.items()})
    return Response(orjson.dumps(document), media_type="application/json")


@router.delete(
    "/listener/reactions/{session_id}",
    operation_id="end_session",
    summary="Delete a session",
    responses={200: {"model": SessionEnded, "description": "deleted"}, **problems(403, 422)},
)
async def end_session(request: Request, session_id: Annotated[SessionId, Path()]) -> Response:
    """Delete everything of a session; repeating it is harmless."""
    service, _ = service_of(request)
    return Response(orjson.dumps(SessionEnded(service.listener.end(session_id))), media_type="application/json")
