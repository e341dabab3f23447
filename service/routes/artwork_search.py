"""POST /artwork/search: a sentence in, covers out."""

import orjson
from fastapi import APIRouter, Request, Response

from service.artwork.answer import ArtworkFound
from service.artwork.request import ArtworkSearchRequest, check_search
from service.assembly import service_of
from service.body import read_body
from service.openapi import json_body, problems

router = APIRouter()


@router.post(
    "/artwork/search",
    operation_id="search_artwork",
    summary="Find covers for a sentence",
    responses={200: {"model": ArtworkFound, "description": "the covers"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(ArtworkSearchRequest),
)
async def search_artwork(request: Request) -> Response:
    """Find k pictures that a sentence describes, or whose lettering it names, under instructions as in /recommend.

    The first stage compares vectors; the second ranks the best candidates again, pair by pair, as far as the deadline
    allows: `reranked` says whether it did. Covers that show the same picture are one result with their number.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, ArtworkSearchRequest, service.settings, ("[key]",))
        check_search(body, service.settings)
    answer = await service.artwork.search(body, exchange)
    exchange.notes.update(release=answer.release, second_stage=answer.rerank_reason or "reranked")
    return Response(orjson.dumps(answer), media_type="application/json")
