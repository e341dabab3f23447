"""GET /items/{item_id}: one item of the catalogue in force; POST /items: new items, and old ones that have changed."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from service.assembly import service_of
from service.body import read_body
from service.errors import UnknownItemError
from service.items import Posted
from service.openapi import json_body, problems
from service.request import Id, ItemsRequest, check_items

router = APIRouter()


@dataclass(frozen=True)
class Item:
    """An item as the release knows it."""

    item_id: str
    title: str | None
    attributes: dict[str, list[str]]
    training_events: Annotated[float, Field(description="events of the item in the training data")]
    release: str


@router.get(
    "/items/{item_id:path}",
    operation_id="read_item",
    summary="Look an item up",
    responses={200: {"model": Item, "description": "the item"}, **problems(404, 422, 503)},
)
async def read_item(request: Request, item_id: Annotated[Id, Path()]) -> Response:
    """Title and attributes of an item."""
    service, _ = service_of(request)
    served = service.releases.served
    catalogue = served.catalogue
    row = catalogue.row_of.get(item_id)
    if row is None:
        raise UnknownItemError("expected the id of an item of the release in force")
    popularity = float(served.retriever.popularity[row])
    item = Item(item_id, catalogue.titles[row], catalogue.describe(row), popularity, served.release_id)
    return Response(orjson.dumps(item), media_type="application/json")


@router.post(
    "/items",
    operation_id="ingest_items",
    summary="Store items",
    responses={200: {"model": Posted, "description": "stored"}, **problems(400, 408, 413, 415, 422, 503)},
    openapi_extra=json_body(ItemsRequest),
)
async def ingest_items(request: Request) -> Response:
    """Tell the sidecar of new items and of changes to old ones; all of a batch or nothing, and repeats change nothing.

    What is stored is recommended once the sidecar has put a release in force that has it, within seconds where one
    runs. Until then `GET /items/{item_id}` does not know it.
    """
    service, exchange = service_of(request)
    catalogue = service.releases.served.catalogue
    with exchange.stage("parse"):
        body = await read_body(request, ItemsRequest, service.settings)
        check_items(body, service.settings, catalogue.attributes)
    with service.permits.take(), exchange.stage("ingest"):
        posted = await service.items.post(body.items, catalogue)
    for result in ("added", "updated", "unchanged"):
        service.telemetry.items_posted.labels(result).inc(getattr(posted, result))
    exchange.notes.update(added=posted.added, updated=posted.updated)
    return Response(orjson.dumps(posted), media_type="application/json")
