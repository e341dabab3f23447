"""GET /artwork/map and /artwork/map/nearest: covers or items laid out in a plane, to browse by hand, mouse or keys."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from service.assembly import Service, service_of
from service.item_maps import Region
from service.map_sources import MapSource, RecommenderItems, ReleaseCovers, Space
from service.openapi import problems

router = APIRouter()
MAX_LISTED, MAX_NEAREST = 20_000, 100
Coordinate = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="0 to 1")]
Asked = Literal["covers", "items"]
AskedSpace = Annotated[Asked | None, Query(description="what lies on it; absent: covers where they are served")]


@dataclass(frozen=True)
class MapItem:
    """An item, or a cover under its artwork_id, and its place. cluster: index into `regions`."""

    item_id: str
    title: str | None
    artist: str | None
    x: float
    y: float
    cluster: int


@dataclass(frozen=True)
class MapAnswer:
    """The map, most popular items first, or an even sample of the covers.

    layout: changes with every change of any place. spaces: what `space` can ask this process for.
    """

    layout: str
    release: str
    space: Annotated[Space, Field(description="what lies near one another: tastes, or covers that look alike")]
    spaces: list[Asked]
    total_items: int
    items: list[MapItem]
    regions: list[Region]


@dataclass(frozen=True)
class NearItem:
    """An item or cover near the asked place. distance: in widths of the map."""

    item_id: str
    title: str | None
    artist: str | None
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
    summary="Lay covers or items out in a plane",
    responses={200: {"model": MapAnswer, "description": "the map"}, **problems(422, 503)},
)
async def read_map(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
    space: AskedSpace = None,
) -> Response:
    """Places in the unit square, and what its regions hold.

    Covers lie where their embeddings are alike, one for each picture; without a release of covers the most popular
    items lie where the recommender's vectors are alike. `space` of the answer says which.
    """
    service, _ = service_of(request)
    laid_out = await service.maps.of(_source(service, space))
    count = min(limit, len(laid_out.items.rows))
    listed = zip(
        laid_out.entries[:count],
        np.round(laid_out.items.places[:count], 6).tolist(),
        laid_out.region_of[:count].tolist(),
        strict=True,
    )
    answer = MapAnswer(
        layout=laid_out.items.version,
        release=laid_out.release_id,
        space=laid_out.space,
        spaces=_spaces(service),
        total_items=len(laid_out.items.rows),
        items=[MapItem(one.item_id, one.title, one.artist, x, y, region) for one, (x, y), region in listed],
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
    space: AskedSpace = None,
) -> Response:
    """The k covers or items nearest to a place, with distance and reason."""
    service, _ = service_of(request)
    laid_out = await service.maps.of(_source(service, space))
    entries, distances = laid_out.items.nearest((x, y), k)
    items = []
    for entry, distance in zip(entries.tolist(), distances.tolist(), strict=True):
        one = laid_out.entries[entry]
        place_x, place_y = laid_out.items.places[entry].tolist()
        region = laid_out.regions[laid_out.region_of[entry]].name
        reason = f"{distance:.3f} of the map's width away" + (f", among {region}" if region else "")
        items.append(NearItem(one.item_id, one.title, one.artist, place_x, place_y, round(distance, 6), reason))
    answer = NearestAnswer(laid_out.items.version, laid_out.release_id, laid_out.space, items)
    return Response(orjson.dumps(answer), media_type="application/json")


def _spaces(service: Service) -> list[Asked]:
    spaces: list[tuple[Asked, bool]] = [
        ("covers", service.artwork.releases.is_served),
        ("items", service.releases.is_served),
    ]
    return [name for name, is_served in spaces if is_served]


def _source(service: Service, asked: Asked | None) -> MapSource:
    """Raises NotConfiguredError or NotReadyError of what is asked for.

    Who asks for neither gets items only where there are no covers to wait for: none configured, or all refused.
    """
    covers = service.artwork.releases
    if asked is None:
        no_covers = covers.settled and not covers.is_served
        asked = "items" if no_covers and service.settings.release_root is not None else "covers"
    if asked == "items":
        return RecommenderItems(service.releases.served)
    served = covers.served
    return ReleaseCovers(served.release_id, served.library.base)
