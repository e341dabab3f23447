"""OpenAPI: schemas of bodies that are validated from bytes, problem documents, and examples that run.

The document follows the deployment: limits come from Settings, examples from the catalogue of the release in force.
"""

import time
from typing import Any

import numpy as np
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.errors import PROBLEM_JSON
from service.releases import ServedRelease
from service.request import IngestRequest, RecommendRequest
from service.settings import Settings

_REF = "#/components/schemas/{model}"
_MEANING = {
    400: "the body is not JSON",
    404: "there is no such item",
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body is not application/json",
    422: "a field is missing, wrong or contradicts another; `errors` names it",
    503: "not ready, overloaded, or the history store is away; see retry-after",
}
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


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of an operation whose body is read as bytes."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def complete(document: dict[str, Any], settings: Settings, served: ServedRelease | None) -> dict[str, Any]:
    """Add to FastAPI's document what it cannot know; examples only once a release is served."""
    models = [(RecommendRequest, "validation"), (IngestRequest, "validation")]
    _, definitions = models_json_schema(models, ref_template=_REF)  # type: ignore[arg-type]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(definitions["$defs"], Problem=_PROBLEM)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    properties = schemas["RecommendRequest"]["properties"]
    properties["k"]["maximum"] = settings.max_k
    properties["history"]["maxItems"] = settings.max_history_events
    schemas["IngestRequest"]["properties"]["events"]["maxItems"] = settings.max_ingest_events
    for form in properties["instructions"]["oneOf"]:
        if form.get("type") == "array":
            form["maxItems"] = settings.max_instructions
    for form in properties["deadline_ms"]["anyOf"]:
        if form.get("type") == "integer":
            form["maximum"] = settings.max_deadline_ms
    if served is not None:
        _add_examples(document["paths"], served)
    return document


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
    }
    event = {"event_id": "example-1", "user_id": "ada", **history[0], "type": "play"}
    for path, examples in (("/recommend", recommend), ("/events", {"one_play": {"events": [event]}})):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
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
