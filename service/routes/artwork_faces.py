"""GET /artwork/{artwork_id}/faces: the faces of a cover as the batch read them."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from service.artwork.request import ArtworkId
from service.assembly import service_of
from service.faces.answer import FacesAnswer
from service.openapi import problems

router = APIRouter()


@router.get(
    "/artwork/{artwork_id}/faces",
    operation_id="read_artwork_faces",
    summary="Look the faces of a cover up",
    responses={200: {"model": FacesAnswer, "description": "the faces"}, **problems(404, 422, 503)},
)
async def read_artwork_faces(request: Request, artwork_id: Annotated[ArtworkId, Path()]) -> Response:
    """The stored action units of a cover's faces; no vector of a face is kept, and none is told."""
    service, exchange = service_of(request)
    return Response(orjson.dumps(service.faces.of_cover(artwork_id, exchange)), media_type="application/json")
