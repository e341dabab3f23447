"""HandFrame and the bodies of the hand routes, checked field by field. Nothing of them is logged or stored."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field

from model.hand_pose.cursor import CursorPoint
from model.hand_pose.landmarks import LandmarkFrame
from service.request import STRICT, WHOLE

MAX_FRAMES = 256
Coordinate = Annotated[float, Field(ge=-10, le=10)]
Landmark = Annotated[list[Coordinate], Field(min_length=3, max_length=3)]
Pixels = Annotated[int, Field(ge=1, le=32_768), WHOLE]
UnitCoordinate = Annotated[float, Field(ge=0, le=1)]


class HandFrame(BaseModel):
    """One frame of one hand as a tracker gives it."""

    model_config = STRICT
    t: Annotated[float, Field(ge=0, le=1e12, description="seconds on any clock that runs forward")]
    mirrored: Annotated[bool, Field(description="the image was flipped before the landmarks were found")]
    handedness: Annotated[Literal["left", "right"], Field(description="which hand of the person it is")]
    width: Annotated[Pixels, Field(description="of the image, in pixels")]
    height: Pixels
    landmarks: Annotated[
        list[Landmark] | None,
        Field(min_length=21, max_length=21, description="MediaPipe's 21 points [x, y, z]; null where no hand is seen"),
    ]
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0

    def landmark_frame(self) -> LandmarkFrame | None:
        """As the model takes it; None where no hand is seen."""
        if self.landmarks is None:
            return None
        landmarks = np.array(self.landmarks)
        return LandmarkFrame(landmarks, self.width, self.height, self.handedness, self.mirrored, self.confidence)


class HandFrames(BaseModel):
    """The body of POST /hands/embed: frames of one hand, oldest first."""

    model_config = STRICT
    frames: Annotated[list[HandFrame], Field(min_length=1, max_length=MAX_FRAMES)]


class MapPlace(BaseModel):
    """The body of POST /hands/decode: a place of the map."""

    model_config = STRICT
    x: UnitCoordinate
    y: UnitCoordinate


class HandPoint(BaseModel):
    """Where the cursor is. x, y: null where no hand has been seen for a while; raw: before anything is steadied."""

    t: float
    x: float | None
    y: float | None
    raw: list[float] | None
    state: Literal["moving", "hold", "lost"]

    @classmethod
    def of(cls, point: CursorPoint) -> "HandPoint":
        """As clients read it."""
        x, y = point.position or (None, None)
        raw = None if point.raw is None else list(point.raw)
        return cls.model_construct(t=point.time_s, x=x, y=y, raw=raw, state=point.state)
