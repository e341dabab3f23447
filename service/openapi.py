"""OpenAPI: schemas of bodies that are validated from bytes, problem documents, and examples that run.

The document follows the deployment: limits come from Settings, examples from the catalogue of the release in force.
"""

import time
from typing import Any

import numpy as np
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from model.artwork.cover import STYLE
from model.artwork.library import Library
from service.answer import RecommendationColumns
from service.artwork.request import ArtworkIndexRequest, ArtworkMatchRequest, ArtworkSearchRequest
from service.descriptions.request import DescribeCoverRequest, DescribeRequest
from service.errors import PROBLEM_JSON
from service.faces.request import FacesRequest, StoredFacesRequest, UnitSearchRequest
from service.hand_request import HandFrames, MapPlace
from service.listener.request import ConsentRequest, ReactionsRequest
from service.media_types import COLUMNS, JSON
from service.releases import ServedRelease
from service.request import IngestRequest, ItemsRequest, RecommendRequest
from service.request_columns import RecommendColumns
from service.settings import Settings

_READ_AS_BYTES = (RecommendRequest, RecommendColumns, IngestRequest, ItemsRequest, HandFrames, MapPlace)
_ABOUT_COVERS = (ArtworkSearchRequest, ArtworkMatchRequest, ArtworkIndexRequest)
_ABOUT_FACES = (
    *(FacesRequest, StoredFacesRequest, UnitSearchRequest, ConsentRequest, ReactionsRequest),
    *(DescribeRequest, DescribeCoverRequest),
)
# Left out of the document of a process that was not told to do it.
_RECOMMENDER_PATHS = ("/recommend", "/events", "/users/{user_id}/history", "/items", "/items/{item_id}", "/attributes")
_COVER_PATHS = ("/artwork/{artwork_id}", "/artwork/{artwork_id}/thumbnail")
_ARTWORK_PATHS = ("/artwork/search", "/artwork/match", "/artwork/index", *_COVER_PATHS)
_HANDS_PATHS = ("/hands/model", "/hands/embed", "/hands/decode")
_FACES_PATHS = ("/faces/aus",)
_DESCRIPTION_PATHS = ("/faces/describe", "/faces/regions")
_COVER_FACES_PATHS = ("/artwork/{artwork_id}/faces", "/artwork/search/aus")
_LISTENER_PATHS = (
    *("/listener/consents", "/listener/consents/{consent_id}"),
    *("/listener/reactions", "/listener/reactions/{session_id}"),
)
_REF = "#/components/schemas/{model}"
_MEANING = {
    400: "the body is not JSON",
    403: "the operator does not allow it",
    404: "there is no such item or cover",
    406: "the accept header names no media type that can be answered",
    408: "the body did not arrive in time",
    409: "the listener has not agreed",
    413: "the body, or the picture in it, is too large",
    415: "the body is of no media type that the path takes",
    422: "a field is missing, wrong or contradicts another; `errors` names it",
    503: "not ready, not configured, overloaded, or the history store is away; see retry-after",
}
NO_HAND = {"t": 0.0, "mirrored": True, "handedness": "right", "width": 640, "height": 480, "landmarks": None}
_COLUMN_OF = {"item_ids": "item_id", "event_times_s": "event_time_s"}
_FIELD_ERROR = {
    "type": "object",
    "required": ["field", "message", "code"],
    "properties": {name: {"type": "string"} for name in ("field", "message", "code")},
}
_PROBLEM = {
    "title": "Problem",
    "description": "An error after RFC 9457; `code` is stable.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "array", "items": _FIELD_ERROR},
        "request_id": {"type": "string"},
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` entries of the problem documents an operation can answer with."""
    content = {PROBLEM_JSON: {"schema": {"$ref": _REF.format(model="Problem")}}}
    return {status: {"description": _MEANING[status], "content": content} for status in statuses}


def json_body(model: type[BaseModel], columns: type[BaseModel] | None = None) -> dict[str, Any]:
    """`openapi_extra` of an operation whose body is read as bytes; columns: its model as columns."""
    models = {JSON: model} if columns is None else {JSON: model, COLUMNS: columns}
    return {"requestBody": {"required": True, "content": {name: reference(one) for name, one in models.items()}}}


def reference(model: type) -> dict[str, Any]:
    """The content of a media type: a schema of the document."""
    return {"schema": {"$ref": _REF.format(model=model.__name__)}}


def complete(
    document: dict[str, Any], settings: Settings, served: ServedRelease | None, covers: Library | None = None
) -> dict[str, Any]:
    """Add to FastAPI's document what it cannot know; examples only once a release is served."""
    read: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]
    read = [(model.__name__, "validation", TypeAdapter(model)) for model in _READ_AS_BYTES]
    written: JsonSchemaMode = "serialization"
    columns: TypeAdapter[Any] = TypeAdapter(RecommendationColumns)
    read += [(model.__name__, "validation", TypeAdapter(model)) for model in (*_ABOUT_COVERS, *_ABOUT_FACES)]
    models = [*read, (RecommendationColumns.__name__, written, columns)]
    _, definitions = TypeAdapter.json_schemas(models, ref_template=_REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(definitions["$defs"], Problem=_PROBLEM)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["RecommendRequest"]["properties"]["history"]["maxItems"] = settings.max_history_events
    for column in schemas["HistoryColumns"]["properties"].values():
        column["maxItems"] = settings.max_history_events
    schemas["IngestRequest"]["properties"]["events"]["maxItems"] = settings.max_ingest_events
    schemas["ItemsRequest"]["properties"]["items"]["maxItems"] = settings.max_ingest_items
    for model in (RecommendRequest, RecommendColumns):
        _limit(schemas[model.__name__]["properties"], settings)
    if served is not None:
        _add_examples(document["paths"], served)
    schemas[UnitSearchRequest.__name__]["properties"]["k"]["maximum"] = settings.max_k
    _limit_covers(schemas, settings)
    if covers is not None:
        _add_cover_examples(document["paths"], covers)
    _limit_map(document["paths"], settings)
    for told, paths in (
        (settings.release_root, _RECOMMENDER_PATHS),
        (settings.artwork_root, _ARTWORK_PATHS),
        (settings.hands_root, _HANDS_PATHS),
        (settings.faces_root, _FACES_PATHS),
        (settings.cover_faces_root, _COVER_FACES_PATHS),
        (settings.face_description_root, _DESCRIPTION_PATHS),
        (settings.listener_faces, _LISTENER_PATHS),
    ):
        for path in () if told else paths:
            del document["paths"][path]
    return document


def _limit_covers(schemas: dict[str, Any], settings: Settings) -> None:
    for model in (ArtworkSearchRequest, ArtworkMatchRequest):
        properties = schemas[model.__name__]["properties"]
        properties["k"]["maximum"] = settings.artwork_max_k
        for form in properties["deadline_ms"]["anyOf"]:
            if form.get("type") == "integer":
                form["maximum"] = settings.max_deadline_ms
    schemas[ArtworkSearchRequest.__name__]["properties"]["instructions"]["maxItems"] = settings.max_instructions


def _limit_map(paths: dict[str, Any], settings: Settings) -> None:
    """`space` takes what this process is told to serve."""
    spaces = [name for name, root in (("covers", settings.artwork_root), ("items", settings.release_root)) if root]
    for path in ("/artwork/map", "/artwork/map/nearest"):
        for parameter in paths[path]["get"]["parameters"]:
            if parameter["name"] == "space":
                parameter["schema"] = {"type": "string", "enum": spaces}
            elif parameter["name"] in ("x", "y"):
                parameter["example"] = 0.5


def _add_cover_examples(paths: dict[str, Any], covers: Library) -> None:
    row = next((row for row in range(len(covers.base)) if row not in covers.hidden), None)
    if row is None:
        return
    cover, catalogue = covers.cover(row), covers.base.catalogue
    style = {STYLE: {"any": catalogue.describe(row)[STYLE]}}
    sentence = cover.title or "a man with a guitar in front of a red wall"
    examples = {
        "one_sentence": {"sentence": sentence, "k": 10},
        "covers_like_one": {"sentence": sentence, "instructions": [{"where": style}], "k": 10},
    }
    content = paths["/artwork/search"]["post"]["requestBody"]["content"][JSON]
    content["examples"] = {name: {"value": value} for name, value in examples.items()}
    for path in _COVER_PATHS:
        paths[path]["get"]["parameters"][0]["example"] = cover.artwork_id


def _limit(properties: dict[str, Any], settings: Settings) -> None:
    properties["k"]["maximum"] = settings.max_k
    for form in properties["instructions"]["oneOf"]:
        if form.get("type") == "array":
            form["maxItems"] = settings.max_instructions
    for form in properties["deadline_ms"]["anyOf"]:
        if form.get("type") == "integer":
            form["maximum"] = settings.max_deadline_ms


def _add_examples(paths: dict[str, Any], served: ServedRelease) -> None:
    catalogue = served.catalogue
    popular = np.argsort(-served.retriever.popularity, kind="stable")[:3].tolist()
    items = [catalogue.item_ids[row] for row in popular]
    now_s = int(time.time())
    history = [{"item_id": item, "event_time_s": now_s - 600 * (3 - age)} for age, item in enumerate(items)]
    asked = _instructions(served)
    recommend = {
        "history_in_the_body": {"history": history, "k": 10},
        "stored_history": {"user_id": "ada", "instructions": "standing", "k": 10},
        "instructions": {"history": history, "instructions": asked, "k": 10},
        "groups": {"history": history, "instructions": asked, "k": 5, "group_by_instruction": True},
        "few_fields": {"history": history, "instructions": asked, "k": 10, "fields": ["title"]},
    }
    columns = {name: [event[entry] for event in history] for name, entry in _COLUMN_OF.items()}
    as_columns = {"history_as_columns": {"history": columns, "instructions": asked, "k": 10, "fields": ["title"]}}
    event = {"event_id": "example-1", "user_id": "ada", **history[0], "type": "play"}
    item = {"item_id": items[0], "title": catalogue.titles[popular[0]], "attributes": catalogue.describe(popular[0])}
    for path, media_type, examples in (
        ("/recommend", JSON, recommend),
        ("/recommend", COLUMNS, as_columns),
        ("/events", JSON, {"one_play": {"events": [event]}}),
        ("/hands/embed", JSON, {"no_hand_seen": {"frames": [NO_HAND]}}),
        ("/hands/decode", JSON, {"middle_of_the_map": {"x": 0.5, "y": 0.5}}),
        ("/items", JSON, {"one_item": {"items": [item]}}),
    ):
        content = paths[path]["post"]["requestBody"]["content"][media_type]
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    for path, method, value in (
        ("/items/{item_id}", "get", items[0]),
        ("/users/{user_id}/history", "get", "ada"),
        ("/users/{user_id}/history", "delete", "ada"),
    ):
        paths[path][method]["parameters"][0]["example"] = value


def _instructions(served: ServedRelease) -> list[dict[str, Any]]:
    """One instruction for each of the two most frequent values that can be asked for."""
    attributes = [served.catalogue.attributes[name] for name in served.retriever.instructable]
    values = [(attribute, value) for attribute in attributes for value in range(len(attribute.values))]
    values.sort(key=lambda pair: -int(served.value_counts[pair[0].first_value + pair[1]]))
    return [{"where": {attribute.name: {"any": [attribute.values[value]]}}} for attribute, value in values[:2]]
