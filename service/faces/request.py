"""What a client may ask about faces, checked field by field."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from service.artwork.request import ArtworkId
from service.request import STRICT, Positive

ConsentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
UnitName = Annotated[str, StringConstraints(pattern=r"^AU[0-9]{2}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
# A pattern of names alone would leave every other name open in the document.
Units = Annotated[
    dict[UnitName, Share], Field(min_length=1, max_length=32, json_schema_extra={"additionalProperties": False})
]


class FacesRequest(BaseModel):
    """What is asked of an image in POST /faces/aus."""

    model_config = STRICT
    source: Literal["cover", "listener"] = Field(
        "cover", description="whose face it is; a listener's needs consent and is kept nowhere"
    )
    consent_id: ConsentId | None = Field(None, description="of POST /listener/consents, scope face_reading")


class StoredFacesRequest(BaseModel):
    """The JSON body of POST /faces/aus: a cover that the batch has read."""

    model_config = STRICT
    cover_id: ArtworkId


class UnitSearchRequest(BaseModel):
    """The body of POST /artwork/search/aus."""

    model_config = STRICT
    where: Units = Field(
        description='action unit -> smallest probability, all on one face: {"AU06": 0.5, "AU12": 0.5} is a smile'
    )
    k: Positive = Field(20, description="covers in the list")
    min_quality: Share = Field(0.0, description="0 to 1; faces of lower quality do not count")
