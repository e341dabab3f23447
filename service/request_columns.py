"""RecommendColumns: POST /recommend with the history as columns, smaller to send and faster to check."""

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from service.history_codec import HistoryEvent
from service.request import STRICT, Asked, Id, RecommendRequest, TimeS

TIME_FIELD = "history.event_times_s.{}"


class HistoryColumns(BaseModel):
    """Events as columns: entry i of both is one event."""

    model_config = STRICT
    item_ids: list[Id]
    event_times_s: list[TimeS]

    @model_validator(mode="after")
    def _equally_long(self) -> "HistoryColumns":
        if len(self.item_ids) != len(self.event_times_s):
            lengths = {"items": len(self.item_ids), "times": len(self.event_times_s)}
            message = "expected as many event_times_s as item_ids, got {times} and {items}"
            raise PydanticCustomError("columns_differ", message, lengths)
        return self


class RecommendColumns(Asked):
    """The body of POST /recommend as columns."""

    history: HistoryColumns | None = Field(None, description="events merged into the stored history by time")

    def request(self) -> RecommendRequest:
        """The same request with the history as events; everything in it has been validated."""
        columns, events = self.history, []
        if columns is not None:
            events = list(map(HistoryEvent, columns.item_ids, columns.event_times_s))
        values = {name: getattr(self, name) for name in self.model_fields_set if name != "history"}
        return RecommendRequest.model_construct(self.model_fields_set, **values, history=events)
