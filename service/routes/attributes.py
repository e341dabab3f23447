"""GET /attributes: what instructions can ask for."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from model.catalogue import Attribute
from service.assembly import service_of
from service.errors import invalid
from service.openapi import problems
from service.releases import ServedRelease
from service.request import Value

router = APIRouter()
Limit = Annotated[int, Query(ge=1, le=1000, description="values per attribute")]
Prefix = Annotated[str, StringConstraints(max_length=500)]


@dataclass(frozen=True)
class ValueCount:
    """A value and how many items have it."""

    value: str
    items: int


@dataclass(frozen=True)
class AttributeValues:
    """An attribute and some of its values."""

    name: str
    multi_valued: bool
    instructable: Annotated[bool, Field(description="the model was tuned to follow instructions about it")]
    total_values: int
    values: list[ValueCount]
    next_after: Annotated[str | None, Field(description="pass as `after` for the next page; null on the last")]


@dataclass(frozen=True)
class Attributes:
    """All attributes with their most frequent values, or one attribute's values in order."""

    release: str
    attributes: list[AttributeValues]


@router.get(
    "/attributes",
    operation_id="list_attributes",
    summary="List what can be asked for",
    responses={200: {"model": Attributes, "description": "the attributes"}, **problems(422, 503)},
)
async def list_attributes(
    request: Request,
    attribute: Annotated[Value | None, Query(description="page through the values of this attribute")] = None,
    prefix: Annotated[Prefix, Query(description="only values that begin so; needs attribute")] = "",
    after: Annotated[Prefix | None, Query(description="only values behind this one; needs attribute")] = None,
    limit: Limit = 20,
) -> Response:
    """Attribute names with their values and item counts.

    Without `attribute`: every attribute with its most frequent values. With it: its values in order of their text.
    """
    service, _ = service_of(request)
    served = service.releases.served
    known = served.catalogue.attributes
    if attribute is None:
        if prefix or after is not None:
            raise invalid("attribute", "expected with prefix and after, got none", "missing")
        listed = [_most_frequent(served, one, limit) for one in known.values()]
    elif attribute in known:
        listed = [_page(served, known[attribute], prefix, after, limit)]
    else:
        raise invalid("attribute", f"expected one of {', '.join(known)}", "unknown_attribute")
    return Response(orjson.dumps(Attributes(served.release_id, listed)), media_type="application/json")


def _most_frequent(served: ServedRelease, attribute: Attribute, limit: int) -> AttributeValues:
    counts = served.value_counts[attribute.first_value : attribute.first_value + len(attribute.values)]
    return _listed(served, attribute, np.argsort(-counts, kind="stable")[:limit].tolist(), None)


def _page(served: ServedRelease, attribute: Attribute, prefix: str, after: str | None, limit: int) -> AttributeValues:
    start = bisect_left(attribute.values, prefix)
    if after is not None:
        start = max(start, bisect_right(attribute.values, after))
    positions: list[int] = []
    for position in range(start, len(attribute.values)):
        if not attribute.values[position].startswith(prefix) or len(positions) > limit:
            break
        positions.append(position)
    more = len(positions) > limit
    return _listed(served, attribute, positions[:limit], attribute.values[positions[limit - 1]] if more else None)


def _listed(
    served: ServedRelease, attribute: Attribute, positions: list[int], next_after: str | None
) -> AttributeValues:
    return AttributeValues(
        name=attribute.name,
        multi_valued=attribute.multi_valued,
        instructable=attribute.name in served.retriever.instructable,
        total_values=len(attribute.values),
        values=[
            ValueCount(attribute.values[position], int(served.value_counts[attribute.first_value + position]))
            for position in positions
        ],
        next_after=next_after,
    )
