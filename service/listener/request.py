"""What a listener's device may send, checked field by field."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from service.artwork.request import ArtworkId
from service.faces.request import ConsentId, Units
from service.request import STRICT

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{8,128}$")]
Scope = Literal["reactions", "face_reading"]
MAX_REACTIONS = 64


class ConsentRequest(BaseModel):
    """The body of POST /listener/consents: one switch, for one use."""

    model_config = STRICT
    scope: Scope = Field(
        description="reactions: action units computed on the device; face_reading: one image, read here"
    )
    text_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        description="of the text that was agreed to"
    )
    of_age: Literal[True] = Field(description="the listener is 18 or older; not offered to anybody younger")


class Reaction(BaseModel):
    """What a face did while a cover was shown, computed on the device."""

    model_config = STRICT
    cover_id: ArtworkId
    aus: Units = Field(description="action unit -> probability")


class ReactionsRequest(BaseModel):
    """The body of POST /listener/reactions."""

    model_config = STRICT
    session_id: SessionId = Field(description="drawn by the device; names this session and nobody")
    consent_id: ConsentId
    reactions: Annotated[list[Reaction], Field(min_length=1, max_length=MAX_REACTIONS)]
