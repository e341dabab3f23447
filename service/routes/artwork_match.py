"""POST /artwork/match: a picture in, sentences out."""

import orjson
from fastapi import APIRouter, Request, Response

from service.artwork.answer import ArtworkMatched
from service.artwork.request import ArtworkMatchRequest, check_match
from service.assembly import service_of
from service.openapi import problems
from service.upload import read_upload, upload_body

router = APIRouter()


@router.post(
    "/artwork/match",
    operation_id="match_artwork",
    summary="Match a picture with sentences",
    responses={200: {"model": ArtworkMatched, "description": "sentences"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=upload_body(ArtworkMatchRequest),
)
async def match_artwork(request: Request) -> Response:
    """Score the given sentences for a picture, or find the nearest that the release knows.

    The image is the body, or the part `image` of a form; what is asked is JSON in the query parameter or the part
    `request`. JPEG, PNG and WebP, told by their content and turned upright. Each word names the region it speaks of.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        upload = await read_upload(request, service.settings)
        body = upload.asked(ArtworkMatchRequest)
        check_match(body, service.settings)
    answer = await service.artwork.match(upload.image, body, exchange)
    exchange.notes.update(release=answer.release, second_stage=answer.rerank_reason or "reranked")
    return Response(orjson.dumps(answer), media_type="application/json")
