"""What a client may ask of a part of a face, checked field by field."""

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from model.face_description.labels import ATTRIBUTES
from model.face_description.regions import FACE
from service.artwork.request import ArtworkId
from service.descriptions.turn import MAX_TURN_CHARACTERS
from service.faces.request import ConsentId, Share
from service.request import STRICT, WHOLE

# Spelled out, for types are read before anything runs; a test holds it to REGIONS.
RegionName = Literal[
    "face",
    "forehead",
    "left_brow",
    "right_brow",
    "glabella",
    "left_eye",
    "right_eye",
    "nose",
    "left_cheek",
    "right_cheek",
    "mouth",
    "chin",
    "upper_face",
    "lower_face",
]
Attribute = Literal["aus", "emotion", "age"]
Box = Annotated[list[Share], Field(min_length=4, max_length=4)]
MAX_FACES = 64


class RegionRequest(BaseModel):
    """Which part of which face, and what of it."""

    model_config = STRICT
    box: Box | None = Field(None, description="x0, y0, x1, y1 as shares of the image's sides; or else `region`")
    region: RegionName | None = Field(None, description="a part by its name; the whole face where no box is given")
    face: Annotated[int, Field(ge=0, lt=MAX_FACES), WHOLE] = Field(
        0, description="with a region: which face, the largest is 0; a box says it by itself"
    )
    attributes: Annotated[list[Attribute], Field(min_length=1, max_length=3)] | None = Field(
        None, description="what to say; by default all, less the emotion and age that the talk has told already"
    )
    turn_of: Annotated[str, StringConstraints(max_length=MAX_TURN_CHARACTERS)] | None = Field(
        None, description="`turn` of an answer about the same image, to go on from there"
    )

    @model_validator(mode="after")
    def _is_one_question(self) -> Self:
        if self.box is not None and self.region is not None:
            raise PydanticCustomError("box_and_region", "expected a box or a region, got both")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise PydanticCustomError("empty_box", "expected x0 < x1 and y0 < y1 of the box")
        return self

    @property
    def named_region(self) -> str | None:
        """The region that is meant, None for a box."""
        return None if self.box is not None else self.region or FACE

    def asked(self, told: Collection[str]) -> tuple[str, ...]:
        """The attributes to speak of; told: those that the talk has told."""
        if self.attributes is not None:
            return tuple(name for name in ATTRIBUTES if name in self.attributes)
        return tuple(name for name in ATTRIBUTES if name == "aus" or name not in told)


class DescribeRequest(RegionRequest):
    """What is asked of an image in POST /faces/describe."""

    source: Literal["cover", "listener"] = Field(
        "cover", description="whose face it is; a listener's needs consent and is kept nowhere"
    )
    consent_id: ConsentId | None = Field(None, description="of POST /listener/consents, scope face_reading")


class DescribeCoverRequest(RegionRequest):
    """The JSON body of POST /faces/describe: a cover by its id."""

    cover_id: ArtworkId
