"""POST /artwork/search/aus: covers by what the faces on them look like."""

import orjson
from fastapi import APIRouter, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.errors import invalid
from service.faces.answer import FoundCovers
from service.faces.request import UnitSearchRequest
from service.openapi import json_body, problems

router = APIRouter()


@router.post(
    "/artwork/search/aus",
    operation_id="search_artwork_by_units",
    summary="Find covers by action units",
    responses={200: {"model": FoundCovers, "description": "the covers"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(UnitSearchRequest),
)
async def search_artwork_by_units(request: Request) -> Response:
    """Find covers on which one face shows every asked action unit, the surest first: AU06 and AU12 are a smile."""
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, UnitSearchRequest, service.settings, ("[key]",))
        if body.k > service.settings.max_k:
            raise invalid("k", f"expected at most {service.settings.max_k}", "less_than_equal")
    answer = service.faces.search(body, exchange)
    exchange.notes["release"] = answer.release
    return Response(orjson.dumps(answer), media_type="application/json")
