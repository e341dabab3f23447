"""POST /recommend: a history in, lists that follow their instructions out."""

from fastapi import APIRouter, Request, Response

from service.answer import Recommendation, RecommendationColumns
from service.assembly import service_of
from service.body import read_either_body
from service.column_answer import column_answer
from service.json_answer import json_answer
from service.media_types import COLUMNS, JSON, accepted
from service.openapi import json_body, problems, reference
from service.request import REQUEST_TAGS, Asked, RecommendRequest, check_request
from service.request_columns import TIME_FIELD, RecommendColumns
from service.settings import Settings

router = APIRouter()
_BODIES: dict[str, type[Asked]] = {JSON: RecommendRequest, COLUMNS: RecommendColumns}
_WRITERS = {JSON: json_answer, COLUMNS: column_answer}
_ANSWER = {"model": Recommendation, "description": "the list", "content": {COLUMNS: reference(RecommendationColumns)}}


@router.post(
    "/recommend",
    operation_id="recommend",
    summary="Recommend items",
    responses={200: _ANSWER, **problems(400, 406, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(RecommendRequest, RecommendColumns),
)
async def recommend(request: Request) -> Response:
    """Recommend k items for a history, stored or sent, under up to 16 instructions.

    strict: every item satisfies its instruction and the list has min(k, eligible) items. guided: instructions steer
    the model only. An unknown user, unknown items and an empty history are answered with popular items.

    For clients that ask much: the body may be sent as columns (content-type), and the answer comes as columns to
    who asks for them (accept). `fields` leaves out what is not wanted of an item.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        media_type = accepted(_accept(request))
        body = await _body(request, service.settings)
    if body.user_id is not None:
        exchange.notes["user"] = service.user_hash(body.user_id)
    with service.permits.take():
        answer = await service.pipeline.recommend(body, exchange)
    with exchange.stage("serialise"):
        return Response(_WRITERS[media_type](answer), media_type=media_type)


def _accept(request: Request) -> str:
    return ",".join(value.decode("latin-1") for name, value in request.scope["headers"] if name == b"accept")


async def _body(request: Request, settings: Settings) -> RecommendRequest:
    body = await read_either_body(request, _BODIES, settings, REQUEST_TAGS)
    if isinstance(body, RecommendColumns):
        body = body.request()
        check_request(body, settings, TIME_FIELD)
    else:
        assert isinstance(body, RecommendRequest)
        check_request(body, settings)
    return body
