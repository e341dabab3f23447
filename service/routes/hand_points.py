"""POST /hands/embed: landmarks of a hand -> points of the map, for clients that cannot compute them."""

from dataclasses import dataclass

import orjson
from fastapi import APIRouter, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.hand_request import HandFrames, HandPoint
from service.openapi import json_body, problems

router = APIRouter()


@dataclass(frozen=True)
class HandPoints:
    """One point per frame. release: of the hand-pose model."""

    release: str
    points: list[HandPoint]


@router.post(
    "/hands/embed",
    operation_id="embed_hands",
    summary="Turn hand landmarks into map positions",
    responses={200: {"model": HandPoints, "description": "the points"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(HandFrames),
)
async def embed_hands(request: Request) -> Response:
    """Follow one hand through up to 256 frames, oldest first. Nothing of them is kept or logged."""
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, HandFrames, service.settings)
    hands = service.hands
    pose = hands.pose
    with exchange.stage("hands"):
        frames = [(frame.t, frame.landmark_frame()) for frame in body.frames]
        points = await hands.run(pose.follow, frames, pose.cursor())
    for point in points:
        hands.count(point.state)
    document = {"release": pose.release_id, "points": [HandPoint.of(point).model_dump() for point in points]}
    return Response(orjson.dumps(document), media_type="application/json")
