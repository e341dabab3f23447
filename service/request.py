"""RecommendRequest, IngestRequest and ItemsRequest: what a client may send, checked field by field."""

import time
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from model.condition import OPERATORS
from service.errors import FieldError, InvalidRequestError
from service.settings import Settings

MAX_TIME_S = 253_402_300_799  # the last second of the year 9999
_NO_NUL = r"^[^\u0000]+$"

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL)]
# No pattern: JSON Schema has none for keys, and a key that is no attribute is refused anyway.
Key = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_NUL)]
Mode = Literal["strict", "guided"]
ItemField = Literal["title", "reason", "attributes"]


def _whole(value: Any) -> Any:
    """20.0 is an integer to JSON Schema, hence to clients."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Bounds stand before it, else they would be lost to the OpenAPI document.
WHOLE = BeforeValidator(_whole)
Positive = Annotated[int, Field(ge=1), WHOLE]
TimeS = Annotated[int, Field(ge=0, le=MAX_TIME_S, description="epoch seconds"), WHOLE]

# A tuple where a list is meant: pydantic copies the default of a field for every request, unless it is hashable.
EMPTY: Any = ()

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Event(BaseModel):
    """One past event in the body of a request."""

    model_config = STRICT
    item_id: Id
    event_time_s: TimeS


class Clauses(BaseModel):
    """What one attribute must look like: at least one of any, every one of all, not one of none."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"minProperties": 1})
    any: Annotated[list[Value], Field(min_length=1, max_length=1000)] = Field(default=EMPTY, validate_default=False)
    all: Annotated[list[Value], Field(min_length=1, max_length=1000)] = Field(default=EMPTY, validate_default=False)
    none: Annotated[list[Value], Field(min_length=1, max_length=1000)] = Field(default=EMPTY, validate_default=False)

    @model_validator(mode="after")
    def _not_empty(self) -> "Clauses":
        if not self.model_fields_set:
            raise PydanticCustomError("empty_clause", "expected at least one of any, all, none")
        return self


class ConditionBody(BaseModel):
    """A condition, with a name for the answer."""

    model_config = STRICT
    name: Name | None = None
    where: Annotated[dict[Key, Clauses], Field(max_length=32, description="attribute -> clauses; {} is any item")]

    def client_form(self) -> dict[str, dict[str, list[str]]]:
        """`where` as the catalogue parses it."""
        return {
            name: {
                operator: getattr(clauses, operator) for operator in OPERATORS if operator in clauses.model_fields_set
            }
            for name, clauses in self.where.items()
        }


class InstructionBody(ConditionBody):
    """One instruction: a condition on items, with a name for the answer and a share of the merged list."""

    quota: Annotated[int, Field(ge=0), WHOLE] | None = Field(
        None, description="at least this many items of a merged list"
    )


# Marks that pydantic puts into the path of a fault: the two forms of `instructions`, a wrong key.
LIST_TAG, STANDING_TAG = "(list of instructions)", "(standing)"
REQUEST_TAGS = (LIST_TAG, STANDING_TAG, "[key]")


def _form(value: Any) -> str:
    return STANDING_TAG if isinstance(value, str) else LIST_TAG


Instructions = Annotated[
    Annotated[list[InstructionBody], Tag(LIST_TAG)] | Annotated[Literal["standing"], Tag(STANDING_TAG)],
    Discriminator(_form),
]


class Asked(BaseModel):
    """What both forms of POST /recommend have in common."""

    model_config = STRICT
    user_id: Id | None = Field(None, description="whose stored history to use")
    instructions: Instructions = Field(default=EMPTY, description='instructions, or "standing" for the stored ones')
    k: Positive = Field(20, description="length of the merged list, or of each group")
    mode: Mode = Field("strict", description="strict: every item satisfies; guided: instructions only steer the model")
    exclude: Annotated[list[Id], Field(max_length=10_000)] = Field(default=EMPTY, description="items never to return")
    exclude_seen: bool = Field(True, description="leave out the items of the history")
    request_time_s: TimeS | None = Field(None, description="the moment the list is for, epoch seconds; default: now")
    deadline_ms: Positive | None = Field(None, description="when the answer is due")
    group_by_instruction: bool = Field(False, description="one list per instruction instead of a merged one")
    fields: Annotated[list[ItemField], Field(max_length=3)] | None = Field(
        None, description="what is told of an item beside id and score; default: all in JSON, nothing in columns"
    )


class RecommendRequest(Asked):
    """The body of POST /recommend."""

    history: list[Event] = Field(default=EMPTY, description="events merged into the stored history by time")


class IngestEvent(BaseModel):
    """One event of POST /events."""

    model_config = STRICT
    event_id: Id
    user_id: Id
    item_id: Id
    event_time_s: TimeS
    type: Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=_NO_NUL)] = "play"
    request_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_NUL)] | None = Field(
        None, description="the request_id of the answer that showed the item"
    )


class IngestRequest(BaseModel):
    """The body of POST /events."""

    model_config = STRICT
    events: Annotated[list[IngestEvent], Field(min_length=1)]


class IngestItem(BaseModel):
    """One item of POST /items: all that is known of it, in the place of what was known before."""

    model_config = STRICT
    item_id: Id
    title: Value | None = None
    attributes: Annotated[
        dict[Key, Annotated[list[Value], Field(max_length=1_000)]],
        Field(max_length=32, description="attribute -> values; attributes of the catalogue, values known or new"),
    ] = Field(default_factory=dict)


class ItemsRequest(BaseModel):
    """The body of POST /items."""

    model_config = STRICT
    items: Annotated[list[IngestItem], Field(min_length=1)]


def check_request(request: RecommendRequest, settings: Settings, time_field: str = "history.{}.event_time_s") -> None:
    """Raise InvalidRequestError where the request passes a limit of this deployment or contradicts itself.

    time_field: what the client calls the time of an event, by its index.
    """
    faults = _too_large("k", request.k, settings.max_k)
    faults += _too_many("history", request.history, settings.max_history_events)
    if request.deadline_ms is not None:
        faults += _too_large("deadline_ms", request.deadline_ms, settings.max_deadline_ms)
    if not isinstance(request.instructions, str):
        faults += _too_many("instructions", request.instructions, settings.max_instructions)
        faults += _quota_faults(request.instructions, request.k, request.group_by_instruction)
    if not faults:
        faults = _future_faults(time_field, request.history, settings)
    if faults:
        raise InvalidRequestError(faults)


def check_events(request: IngestRequest, settings: Settings) -> None:
    """Raise InvalidRequestError where the batch is too long or an event lies in the future."""
    faults = _too_many("events", request.events, settings.max_ingest_events)
    faults = faults or _future_faults("events.{}.event_time_s", request.events, settings)
    if faults:
        raise InvalidRequestError(faults)


def check_items(request: ItemsRequest, settings: Settings, attributes: Collection[str]) -> None:
    """Raise InvalidRequestError where the batch is too long, names an item twice or an attribute that no item has.

    attributes: those of the catalogue in force; they are parts of the network, so that only a training can add one.
    """
    faults = _too_many("items", request.items, settings.max_ingest_items)
    seen: set[str] = set()
    for number, item in enumerate(request.items[: settings.max_ingest_items]):
        if item.item_id in seen:
            message = "expected an item once in a batch, got it again"
            faults.append(FieldError(f"items.{number}.item_id", message, "repeated_item"))
        seen.add(item.item_id)
        for name in item.attributes:
            if name not in attributes:
                message = f"expected one of {', '.join(attributes)}"
                faults.append(FieldError(f"items.{number}.attributes.{name}", message, "unknown_attribute"))
    if faults:
        raise InvalidRequestError(faults)


def _too_large(field: str, value: int, limit: int) -> list[FieldError]:
    message = f"Input should be less than or equal to {limit}"
    return [FieldError(field, message, "less_than_equal")] if value > limit else []


def _too_many(field: str, values: Sequence[object], limit: int) -> list[FieldError]:
    message = f"List should have at most {limit} items, not {len(values)}"
    return [FieldError(field, message, "too_long")] if len(values) > limit else []


def _quota_faults(instructions: Sequence[InstructionBody], k: int, grouped: bool) -> list[FieldError]:
    quotas = [instruction.quota for instruction in instructions]
    if grouped:
        message = "a quota is a share of a merged list; with group_by_instruction every list has k items"
        return [
            FieldError(f"instructions.{index}.quota", message, "quota_in_groups")
            for index, quota in enumerate(quotas)
            if quota is not None
        ]
    total = sum(quota or 0 for quota in quotas)
    message = f"expected quotas that add up to at most k = {k}, got {total}"
    return [FieldError("instructions", message, "quota_exceeds_k")] if total > k else []


def _future_faults(time_field: str, events: Sequence[Event | IngestEvent], settings: Settings) -> list[FieldError]:
    latest_s = int(time.time()) + settings.max_event_future_s
    message = f"expected at most {settings.max_event_future_s} s after now ({latest_s}), got "
    return [
        FieldError(time_field.format(index), message + str(event.event_time_s), "time_in_future")
        for index, event in enumerate(events)
        if event.event_time_s > latest_s
    ]
