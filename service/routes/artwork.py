"""GET and DELETE /artwork/{artwork_id}: one cover, and how to take it away."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from service.artwork.answer import Artwork, ArtworkRemoved
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
    _refuse_reserved(artwork_id)
    service, _ = service_of(request)
    return Response(orjson.dumps(service.artwork.read(artwork_id)), media_type="application/json")


@router.delete(
    "/artwork/{artwork_id}",
    operation_id="remove_artwork",
    summary="Take a cover away",
    responses={200: {"model": ArtworkRemoved, "description": "it is gone"}, **problems(422, 503)},
)
async def remove_artwork(request: Request, artwork_id: Annotated[ArtworkId, Path()]) -> Response:
    """Take a cover away: on disk, and found no more in this process, when the answer comes; again, it changes nothing.

    Other processes find it until the next release, which lacks it, as every later one does until it is added again.
    """
    _refuse_reserved(artwork_id)
    service, exchange = service_of(request)
    answer = await service.artwork.remove(artwork_id, exchange)
    exchange.notes.update(release=answer.release, removed=answer.removed)
    return Response(orjson.dumps(answer), media_type="application/json")


def _refuse_reserved(artwork_id: str) -> None:
    if artwork_id in RESERVED_IDS:
        method = "GET" if artwork_id == "map" else "POST"
        raise MethodNotAllowedError(f"expected {method}", headers={"allow": method})
