"""POST and DELETE /listener/consents: a switch for each use, given and withdrawn."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.faces.request import ConsentId
from service.listener.consents import Consent
from service.listener.request import ConsentRequest
from service.openapi import json_body, problems

router = APIRouter()


@dataclass(frozen=True)
class Withdrawn:
    """Whether there was a consent to withdraw; what stood on it is deleted either way."""

    withdrawn: bool


@router.post(
    "/listener/consents",
    status_code=201,
    operation_id="give_consent",
    summary="Agree to one use",
    responses={201: {"model": Consent, "description": "stored"}, **problems(400, 403, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(ConsentRequest),
)
async def give_consent(request: Request) -> Response:
    """Store a consent with its time, scope and version of the text, under a random id that names no user.

    Off unless the operator sets REC_LISTENER_FACES; everything else of the service works without.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, ConsentRequest, service.settings)
    consent = await service.listener.agree(body)
    return Response(orjson.dumps(consent), 201, media_type="application/json")


@router.delete(
    "/listener/consents/{consent_id}",
    operation_id="withdraw_consent",
    summary="Withdraw a consent",
    responses={200: {"model": Withdrawn, "description": "withdrawn"}, **problems(403, 422, 503)},
)
async def withdraw_consent(request: Request, consent_id: Annotated[ConsentId, Path()]) -> Response:
    """End a consent and delete everything that stands on it, at once; repeating it is harmless."""
    service, _ = service_of(request)
    withdrawn = await service.listener.withdraw(consent_id)
    return Response(orjson.dumps(Withdrawn(withdrawn)), media_type="application/json")
