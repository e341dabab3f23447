"""POST /events: what users did, stored once however often it is sent."""

import orjson
from fastapi import APIRouter, Request, Response

from service.assembly import service_of
from service.body import read_body
from service.events import Ingested
from service.openapi import json_body, problems
from service.request import IngestRequest, check_events

router = APIRouter()


@router.post(
    "/events",
    operation_id="ingest_events",
    summary="Store events",
    responses={200: {"model": Ingested, "description": "stored"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(IngestRequest),
)
async def ingest_events(request: Request) -> Response:
    """Add events to histories, standing instructions and the trainer's stream; all of a batch or nothing.

    An event_id counts once: repeats are answered as duplicates, also after a retry. Late events take their place in
    time. Events of unknown items are kept, for the next release may know them.
    """
    service, exchange = service_of(request)
    with exchange.stage("parse"):
        body = await read_body(request, IngestRequest, service.settings)
        check_events(body, service.settings)
    with service.permits.take(), exchange.stage("ingest"):
        ingested = await service.events.ingest(body.events, service.releases.served)
    if ingested.accepted:
        service.nearline.notify(dict.fromkeys(event.user_id for event in body.events))
    for result, count in (
        ("accepted", ingested.accepted),
        ("duplicate", ingested.duplicates),
        ("unknown_item", ingested.unknown_items),
    ):
        service.telemetry.events.labels(result).inc(count)
    exchange.notes.update(accepted=ingested.accepted, duplicates=ingested.duplicates)
    return Response(orjson.dumps(ingested), media_type="application/json")
