"""POST /recommend: a history in, lists that follow their instructions out."""

import orjson
from fastapi import APIRouter, Request, Response

from service.answer import Recommendation
from service.assembly import service_of
from service.body import read_body
from service.openapi import json_body, problems
from service.request import REQUEST_TAGS, RecommendRequest, check_request

router = APIRouter()


@router.post(
    "/recommend",
    operation_id="recommend",
    summary="Recommend items",
    responses={200: {"model": Recommendation, "description": "the list"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(RecommendRequest),
)
async def recommend(request: Request) -> Response:
    """Recommend k items for a history, stored or sent, under up to 16 instructions.

    strict: every item satisfies its instruction and the list has min(k, eligible) items. guided: instructions steer
    the model only. An unknown user, unknown items and an empty history are answered with popular items.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, RecommendRequest, service.settings, REQUEST_TAGS)
        check_request(body, service.settings)
    if body.user_id is not None:
        exchange.notes["user"] = service.user_hash(body.user_id)
    with service.permits.take():
        answer = await service.pipeline.recommend(body, exchange)
    with exchange.stage("serialise"):
        return Response(orjson.dumps(answer), media_type="application/json")
