"""What a client may ask about covers, checked field by field."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from service.errors import FieldError, InvalidRequestError
from service.request import EMPTY, STRICT, ConditionBody, Key, Positive, Value
from service.settings import Settings

MAX_SENTENCES = 64
# No slash: the id is one segment of the path GET /artwork/{artwork_id}.
ArtworkId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000/]+$")]
# Other things stand at these paths under /artwork.
RESERVED_IDS = frozenset({"search", "match", "index", "map"})
# There is nothing to look for in a sentence of blanks and dots.
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"\w")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\u0000]+$")]


class ArtworkSearchRequest(BaseModel):
    """The body of POST /artwork/search."""

    model_config = STRICT
    sentence: Sentence = Field(description="what the cover shows, or what is written on it")
    instructions: list[ConditionBody] = Field(
        default=EMPTY, description="a cover has to satisfy at least one of them; none: any cover"
    )
    k: Positive = Field(20, description="pictures in the list")
    rerank: bool = Field(
        True, description="rank the best candidates again, pair by pair, as far as the deadline allows"
    )
    deadline_ms: Positive | None = Field(None, description="when the answer is due")


class ArtworkMatchRequest(BaseModel):
    """What is asked of an image in POST /artwork/match."""

    model_config = STRICT
    sentences: Annotated[list[Sentence], Field(max_length=MAX_SENTENCES)] = Field(
        default=EMPTY, description="sentences to score; none: find the nearest that the release knows"
    )
    k: Positive = Field(10, description="sentences in the answer where they are found, not given")
    explain: bool = Field(True, description="say for every word which region it spoke to, where a pair scorer is there")
    deadline_ms: Positive | None = Field(None, description="when the answer is due")


class ArtworkIndexRequest(BaseModel):
    """What POST /artwork/index is told of the cover in the image."""

    model_config = STRICT
    artwork_id: ArtworkId = Field(description="of a new cover, or of one to replace")
    title: Text | None = None
    artist: Text | None = None
    attributes: Annotated[
        dict[Key, Annotated[list[Value], Field(min_length=1, max_length=100)]],
        Field(max_length=32, description="attribute -> values; new ones are welcome"),
    ] = Field(default=EMPTY, validate_default=False)

    def attribute_values(self) -> dict[str, tuple[str, ...]]:
        """`attributes`, each value once."""
        return {name: tuple(dict.fromkeys(values)) for name, values in dict(self.attributes).items()}


def check_search(request: ArtworkSearchRequest, settings: Settings) -> None:
    """Raise InvalidRequestError where the request passes a limit of this deployment."""
    faults = _above("k", request.k, settings.artwork_max_k) + _deadline_faults(request.deadline_ms, settings)
    if len(request.instructions) > settings.max_instructions:
        message = f"List should have at most {settings.max_instructions} items, not {len(request.instructions)}"
        faults.append(FieldError("instructions", message, "too_long"))
    if faults:
        raise InvalidRequestError(faults)


def check_match(request: ArtworkMatchRequest, settings: Settings) -> None:
    """As `check_search`."""
    faults = _above("k", request.k, settings.artwork_max_k) + _deadline_faults(request.deadline_ms, settings)
    if faults:
        raise InvalidRequestError(faults)


def _deadline_faults(deadline_ms: int | None, settings: Settings) -> list[FieldError]:
    return [] if deadline_ms is None else _above("deadline_ms", deadline_ms, settings.max_deadline_ms)


def _above(field: str, value: int, limit: int) -> list[FieldError]:
    message = f"Input should be less than or equal to {limit}"
    return [FieldError(field, message, "less_than_equal")] if value > limit else []
