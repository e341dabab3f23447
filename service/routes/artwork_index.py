"""POST /artwork/index: a cover that can be found from now on."""

import orjson
from fastapi import APIRouter, Request, Response

from service.artwork.answer import ArtworkIndexed
from service.artwork.request import ArtworkIndexRequest
from service.assembly import service_of
from service.openapi import problems
from service.upload import read_upload, upload_body

router = APIRouter()


@router.post(
    "/artwork/index",
    operation_id="index_artwork",
    summary="Add or replace a cover",
    responses={200: {"model": ArtworkIndexed, "description": "added"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=upload_body(ArtworkIndexRequest),
)
async def index_artwork(request: Request) -> Response:
    """Add a cover, or replace the one with its id: on disk and findable in this process when the answer comes.

    Other processes find it with the next release, which takes it in. The upload is as in /artwork/match.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        upload = await read_upload(request, service.settings)
        body = upload.asked(ArtworkIndexRequest)
    answer = await service.artwork.index(upload.image, body, exchange)
    exchange.notes.update(release=answer.release, replaced=answer.replaced)
    return Response(orjson.dumps(answer), media_type="application/json")
