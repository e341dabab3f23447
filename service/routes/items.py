"""GET /items/{item_id}: one item of the catalogue in force."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from service.assembly import service_of
from service.errors import UnknownItemError
from service.openapi import problems
from service.request import Id

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
