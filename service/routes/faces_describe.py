"""POST /faces/describe: what a part of a face looks like."""

import orjson
from fastapi import APIRouter, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.descriptions.answer import DescriptionAnswer
from service.descriptions.request import DescribeCoverRequest, DescribeRequest
from service.media_types import JSON
from service.openapi import json_body, problems
from service.upload import read_upload, upload_body

router = APIRouter()
_upload, _cover = upload_body(DescribeRequest), json_body(DescribeCoverRequest)
_upload["requestBody"]["content"] |= _cover["requestBody"]["content"]


@router.post(
    "/faces/describe",
    operation_id="describe_face",
    summary="Describe a part of a face",
    responses={
        200: {"model": DescriptionAnswer, "description": "what it looks like"},
        **problems(400, 403, 404, 408, 409, 413, 415, 422, 503),
    },
    openapi_extra=_upload,
)
async def describe_face(request: Request) -> Response:
    """Say of a box or a named region of a face which movements it shows, which emotion and age it looks like.

    The image is the body, or the part `image` of a form, with what is asked in `request`; a JSON body names a cover
    instead. What a region alone does not show is said to be not shown. No face, a box beside it or one under 16 pixels
    is a problem that says so. A listener's image needs the operator's leave and a consent; nothing of any is kept.
    """
    service, exchange = service_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON:
        with exchange.stage("parse"):
            cover = await read_body(request, DescribeCoverRequest, service.settings)
        answer = await service.descriptions.describe(cover.cover_id, "cover", cover, exchange)
    else:
        with exchange.stage("parse"):
            upload = await read_upload(request, service.settings)
            body = upload.asked(DescribeRequest)
        if body.source == "listener":
            await service.listener.check_reading(body.consent_id)
        answer = await service.descriptions.describe(upload.image, body.source, body, exchange)
        exchange.notes["source"] = body.source
    return Response(orjson.dumps(answer), media_type=JSON)
