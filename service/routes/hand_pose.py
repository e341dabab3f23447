"""POST /hands/decode: the hand that leads to a place of the map, for the guidance window."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from service.assembly import service_of
from service.body import read_body
from service.hand_request import MapPlace
from service.openapi import json_body, problems

router = APIRouter()


@dataclass(frozen=True)
class GuidanceHand:
    """points: 21 of a right hand [x, y, z] in lengths of its palm, wrist at 0, palm along y."""

    release: str
    points: Annotated[list[list[float]], Field(min_length=21, max_length=21)]


@router.post(
    "/hands/decode",
    operation_id="decode_hand",
    summary="Show the hand of a map position",
    responses={200: {"model": GuidanceHand, "description": "the hand"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(MapPlace),
)
async def decode_hand(request: Request) -> Response:
    """The pose that the decoder gives for a place, on the bones of a middling hand."""
    service, _ = service_of(request)
    place = await read_body(request, MapPlace, service.settings)
    pose = service.hands.pose
    points = await service.hands.run(pose.guidance, np.array([[place.x, place.y]]))
    return Response(orjson.dumps(GuidanceHand(pose.release_id, points[0].tolist())), media_type="application/json")
