"""POST /faces/aus: the faces of an image or a cover, with their action units."""

import orjson
from fastapi import APIRouter, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.faces.answer import FacesAnswer
from service.faces.request import FacesRequest, StoredFacesRequest
from service.media_types import JSON
from service.openapi import json_body, problems
from service.upload import read_upload, upload_body

router = APIRouter()
_upload, _stored = upload_body(FacesRequest), json_body(StoredFacesRequest)
_upload["requestBody"]["content"] |= _stored["requestBody"]["content"]


@router.post(
    "/faces/aus",
    operation_id="read_faces",
    summary="Read the faces of an image",
    responses={
        200: {"model": FacesAnswer, "description": "the faces; none is an answer too"},
        **problems(400, 403, 404, 408, 409, 413, 415, 422, 503),
    },
    openapi_extra=_upload,
)
async def read_faces(request: Request) -> Response:
    """Find the faces of an image and say which facial action units each looks like showing.

    The image is the body, or the part `image` of a form, with what is asked in `request`; a JSON body names a cover
    that the batch has read instead. A face that is too small, cut off, turned away or blurred is not guessed at:
    `refused` says why. A listener's image needs the operator's leave and a consent, and nothing of it is kept.
    """
    service, exchange = service_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON:
        with exchange.stage("parse"):
            stored = await read_body(request, StoredFacesRequest, service.settings)
        answer = service.faces.of_cover(stored.cover_id, exchange)
    else:
        with exchange.stage("parse"):
            upload = await read_upload(request, service.settings)
            body = upload.asked(FacesRequest)
        if body.source == "listener":
            await service.listener.check_reading(body.consent_id)
        answer = await service.faces.read(upload.image, body.source, exchange)
        # Not even how many: of a listener nothing is told.
        exchange.notes["source"] = body.source
    return Response(orjson.dumps(answer), media_type=JSON)
