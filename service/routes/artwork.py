"""GET /artwork/{artwork_id}: one cover."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from service.artwork.answer import Artwork
from service.artwork.request import RESERVED_IDS, ArtworkId
from service.assembly import service_of
from service.errors import MethodNotAllowedError
from service.openapi import problems

router = APIRouter()


@router.get(
    "/artwork/{artwork_id}",
    operation_id="read_artwork",
    summary="Look a cover up",
    responses={200: {"model": Artwork, "description": "the cover"}, **problems(404, 422, 503)},
)
async def read_artwork(request: Request, artwork_id: Annotated[ArtworkId, Path()]) -> Response:
    """What is known of a cover. Its `cover_style` is a value that instructions can ask for: covers like this one."""
    if artwork_id in RESERVED_IDS:
        raise MethodNotAllowedError("expected POST", headers={"allow": "POST"})
    service, _ = service_of(request)
    return Response(orjson.dumps(service.artwork.read(artwork_id)), media_type="application/json")
