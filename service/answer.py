"""Recommendation: the answer to POST /recommend, field by field as the client reads it.

These classes are the document (OpenAPI); json_answer.py and column_answer.py write it without an object per item.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from service.experiment import Unit
from service.history import HistorySource
from service.request import Mode

Source = Literal["model", "fallback", "cold_start"]
SourceReason = Literal["deadline", "model_error", "no_history", "no_known_item"]
WARNINGS = (
    *("history_store_unavailable", "history_not_read", "no_standing_instructions", "standing_from_history"),
    *("fewer_items_than_k", "arm_release_missing", "standing_off_in_arm"),
)
MAX_IGNORED_ITEMS = 50
Place = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class SlateItem:
    """One item of a list, in the order to show; title, reason and attributes as `fields` of the request says."""

    item_id: str
    score: Annotated[float, Field(description="inner product for source model, share of all training events otherwise")]
    instruction: Annotated[int | None, Field(description="index of the instruction that chose the item")]
    instruction_name: str | None
    satisfies_instruction: Annotated[bool, Field(description="always true in strict mode")]
    title: str | None = field(default=None)
    reason: str = field(default="")
    attributes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """The list of one instruction."""

    instruction: int | None
    instruction_name: str | None
    items: list[SlateItem]


@dataclass(frozen=True)
class TextColumn:
    """Texts of items: every different one once, and per item the index of its own."""

    values: list[str | None]
    places: list[Place]


@dataclass(frozen=True)
class AttributeColumn:
    """Values of one attribute: every different one once, and per item the indices of its own."""

    values: list[str]
    places: list[list[Place]]


@dataclass(frozen=True)
class UsedInstruction:
    """An instruction as it was understood."""

    name: str
    where: dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class IgnoredItem:
    """An item id that the release in force does not know."""

    item_id: str
    field: Literal["history", "exclude"]
    count: int


@dataclass(frozen=True)
class Warn:
    """Something the client may want to know although it got its answer."""

    code: Annotated[str, Field(json_schema_extra={"enum": list(WARNINGS)})]
    message: str


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What every form of an answer says of the list as a whole."""

    request_id: str
    release: str
    source: Source
    source_reason: SourceReason | None
    arm: Annotated[str | None, Field(description="of the experiment; null where there is none")] = None
    arm_assigned_by: Annotated[Unit | None, Field(description="request_id for a request without user_id")] = None
    simulated: Annotated[str, Field(description="what of the training data was simulated: nothing, times, everything")]
    mode: Mode
    instructions: Annotated[list[UsedInstruction], Field(description="empty where none was given")]
    eligible: Annotated[list[int], Field(description="per instruction: items that satisfy it and are not excluded")]
    ignored_items: Annotated[list[IgnoredItem], Field(description=f"the first {MAX_IGNORED_ITEMS} unknown item ids")]
    ignored_items_total: int
    history_events_used: int
    history_source: HistorySource
    took_ms: float
    warnings: list[Warn]


@dataclass(frozen=True, kw_only=True)
class Recommendation(Answered):
    """What a client gets: a merged list in items, or groups with group_by_instruction."""

    items: list[SlateItem] | None
    groups: list[Group] | None


@dataclass(frozen=True, kw_only=True)
class RecommendationColumns(Answered):
    """The same as columns: entry i of each is about item i. Texts only where `fields` asks for them."""

    list_lengths: Annotated[list[int], Field(description="of the merged list, or of the list of each instruction")]
    item_ids: list[str]
    scores: list[float]
    instruction: Annotated[list[int | None], Field(description="index of the instruction that chose the item")]
    satisfies_instruction: list[bool]
    titles: list[str | None] = field(default_factory=list)
    reasons: TextColumn | None = None
    attributes: dict[str, AttributeColumn] = field(default_factory=dict)


def ignored_items(history: Mapping[str, int], exclude: Mapping[str, int]) -> list[IgnoredItem]:
    """Every unknown item id, those of the history first."""
    found = [IgnoredItem(item_id, "history", count) for item_id, count in history.items()]
    return found + [IgnoredItem(item_id, "exclude", count) for item_id, count in exclude.items()]
