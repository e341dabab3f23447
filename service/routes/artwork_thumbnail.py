"""GET /artwork/{artwork_id}/thumbnail: the picture of a cover, small."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from model.artwork.thumbnails import MEDIA_TYPE
from service.artwork.request import ArtworkId
from service.assembly import service_of
from service.openapi import problems

router = APIRouter()
# An hour without asking: the cover of an id is seldom exchanged, and after it the tag says whether it was.
CACHED = "public, max-age=3600"


@router.get(
    "/artwork/{artwork_id}/thumbnail",
    operation_id="read_artwork_thumbnail",
    summary="Show a cover",
    response_class=Response,
    responses={
        200: {"content": {MEDIA_TYPE: {}}, "description": "a WebP of at most 96 pixels a side"},
        304: {"description": "it is the one that if-none-match names"},
        **problems(404, 422, 503),
    },
)
async def read_artwork_thumbnail(request: Request, artwork_id: Annotated[ArtworkId, Path()]) -> Response:
    """The picture that was made of a cover when it was added or its release was built."""
    service, _ = service_of(request)
    content = service.artwork.thumbnail(artwork_id)
    headers = {"etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "cache-control": CACHED}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)
