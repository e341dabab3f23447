"""GET /faces/regions: the faces of a cover and the parts of them to ask about."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from service.artwork.request import ArtworkId
from service.assembly import service_of
from service.descriptions.answer import RegionsAnswer
from service.media_types import JSON
from service.openapi import problems

router = APIRouter()


@router.get(
    "/faces/regions",
    operation_id="list_face_regions",
    summary="List the parts of the faces on a cover",
    responses={200: {"model": RegionsAnswer, "description": "the faces"}, **problems(404, 413, 415, 422, 503)},
)
async def list_face_regions(
    request: Request, cover: Annotated[ArtworkId, Query(description="the id of a cover")]
) -> Response:
    """Boxes to click, as shares of the image's sides, for POST /faces/describe; no face is an answer too."""
    service, exchange = service_of(request)
    answer = await service.descriptions.regions(cover, exchange)
    return Response(orjson.dumps(answer), media_type=JSON)
