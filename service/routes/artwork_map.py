"""GET /artwork/map and /artwork/map/nearest: the items laid out in a plane, to browse by hand, mouse or keyboard."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from service.assembly import service_of
from service.item_maps import LaidOut, RecommenderItems, Region, Space
from service.openapi import problems

router = APIRouter()
MAX_LISTED, MAX_NEAREST = 20_000, 100
Coordinate = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="0 to 1")]


@dataclass(frozen=True)
class MapItem:
    """An item and its place. cluster: index into `regions`."""

    item_id: str
    title: str | None
    x: float
    y: float
    cluster: int


@dataclass(frozen=True)
class MapAnswer:
    """The map, most popular items first. layout: changes with every change of any place."""

    layout: str
    release: str
    space: Annotated[Space, Field(description="what lies near one another: tastes, or covers that look alike")]
    total_items: int
    items: list[MapItem]
    regions: list[Region]


@dataclass(frozen=True)
class NearItem:
    """An item near the asked place. distance: in widths of the map."""

    item_id: str
    title: str | None
    x: float
    y: float
    distance: float
    reason: str


@dataclass(frozen=True)
class NearestAnswer:
    """Items around a place of the map, nearest first."""

    layout: str
    release: str
    space: Space
    items: list[NearItem]


@router.get(
    "/artwork/map",
    operation_id="read_map",
    summary="Lay the items out in a plane",
    responses={200: {"model": MapAnswer, "description": "the map"}, **problems(422, 503)},
)
async def read_map(request: Request, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED) -> Response:
    """Places of the most popular items in the unit square, and what its regions hold.

    Covers lie where their embeddings are alike once a release of them is served; until then items lie where their
    vectors of the recommender are alike, and `space` says so.
    """
    laid_out = await _laid_out(request)
    count = min(limit, len(laid_out.items.rows))
    catalogue = laid_out.source.catalogue
    listed = zip(
        laid_out.items.rows[:count].tolist(),
        np.round(laid_out.items.places[:count], 6).tolist(),
        laid_out.region_of[:count].tolist(),
        strict=True,
    )
    answer = MapAnswer(
        layout=laid_out.items.version,
        release=laid_out.source.release_id,
        space=laid_out.source.space,
        total_items=len(laid_out.items.rows),
        items=[MapItem(catalogue.item_ids[row], catalogue.titles[row], x, y, region) for row, (x, y), region in listed],
        regions=list(laid_out.regions),
    )
    return Response(orjson.dumps(answer), media_type="application/json")


@router.get(
    "/artwork/map/nearest",
    operation_id="nearest_on_map",
    summary="What lies at a place of the map",
    responses={200: {"model": NearestAnswer, "description": "the items"}, **problems(422, 503)},
)
async def nearest_on_map(
    request: Request,
    x: Coordinate,
    y: Coordinate,
    k: Annotated[int, Query(ge=1, le=MAX_NEAREST)] = 12,
) -> Response:
    """The k items nearest to a place, with distance and reason."""
    laid_out = await _laid_out(request)
    catalogue = laid_out.source.catalogue
    entries, distances = laid_out.items.nearest((x, y), k)
    items = []
    for entry, distance in zip(entries.tolist(), distances.tolist(), strict=True):
        row = int(laid_out.items.rows[entry])
        place_x, place_y = laid_out.items.places[entry].tolist()
        region = laid_out.regions[laid_out.region_of[entry]].name
        reason = f"{distance:.3f} of the map's width away" + (f", among {region}" if region else "")
        items.append(
            NearItem(catalogue.item_ids[row], catalogue.titles[row], place_x, place_y, round(distance, 6), reason)
        )
    answer = NearestAnswer(laid_out.items.version, laid_out.source.release_id, laid_out.source.space, items)
    return Response(orjson.dumps(answer), media_type="application/json")


async def _laid_out(request: Request) -> LaidOut:
    service, _ = service_of(request)
    return await service.maps.of(RecommenderItems(service.releases.served))
