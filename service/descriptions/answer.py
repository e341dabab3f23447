"""The answers about parts of faces, field by field as the client reads them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from model.face_au.action_units import NAMES
from model.face_description.answer import Answer
from model.face_description.labels import BANDS, NOT_SHOWN, band_name, unit_name
from model.face_description.regions import UNITS
from model.vision.faces import Face
from service.faces.answer import FaceNote

Box = tuple[float, float, float, float]
Probability = Annotated[float | None, Field(description="0 to 1; null where the model gives none")]


@dataclass(frozen=True)
class UnitSaid:
    """An action unit. present: the text names it; certainty: how."""

    name: str
    present: bool
    certainty: Literal["faint", "clear"] | None
    p: Probability


@dataclass(frozen=True)
class EmotionSaid:
    """What the region looks like, null where it alone does not show it."""

    looks_like: str | None
    p: Probability


@dataclass(frozen=True)
class AgeSaid:
    """The band of years that the region looks like, null where it does not show it."""

    band: str | None
    p: Probability


@dataclass(frozen=True, kw_only=True)
class DescriptionAnswer:
    """What a part of a face looks like. aus, emotion and age are null where they were not asked for."""

    request_id: str
    source: Literal["cover", "listener"]
    cover_id: str | None
    face_box: Annotated[Box, Field(description="x0, y0, x1, y1 as shares of the image's sides")]
    region: Annotated[str, Field(description="the region asked for, or for a box the one that it overlaps most")]
    box: Box
    description: str
    aus: dict[str, UnitSaid] | None
    emotion: EmotionSaid | None
    age: AgeSaid | None
    focus: Annotated[float, Field(description="1 - share of the named action units that the box cannot show")]
    consistent: Annotated[bool, Field(description="whether the text says what aus, emotion and age say")]
    warnings: list[FaceNote]
    turn: Annotated[str, Field(description="send it as `turn_of` to go on; it holds what was said, we keep nothing")]
    model: str
    took_ms: float


@dataclass(frozen=True)
class FaceRegions:
    """A face with the boxes to click, each as shares of the image's sides; none where the face is refused."""

    face: int
    face_box: Box
    size_px: float
    quality: float
    regions: dict[str, Box]
    refused: list[FaceNote]
    notes: list[FaceNote]


@dataclass(frozen=True, kw_only=True)
class RegionsAnswer:
    """The faces of a cover, the largest first."""

    request_id: str
    cover_id: str
    faces: list[FaceRegions]
    took_ms: float


def units_said(answer: Answer) -> dict[str, UnitSaid] | None:
    """Every unit that the model knows, named or not."""
    units = answer.labels.units
    if units is None:
        return None
    return {
        unit_name(unit): UnitSaid(NAMES[unit_name(unit)], unit in units, units.get(unit), _p(answer.units.get(unit)))
        for unit in UNITS
    }


def emotion_said(answer: Answer) -> EmotionSaid | None:
    """The likeliest emotion, or that none shows."""
    emotion = answer.labels.emotion
    if emotion is None or emotion == NOT_SHOWN:
        return None if emotion is None else EmotionSaid(None, None)
    return EmotionSaid(emotion, _p(answer.emotions.get(emotion)))


def age_said(answer: Answer) -> AgeSaid | None:
    """The likeliest band, or that none shows."""
    age = answer.labels.age
    if not isinstance(age, int):
        return None if age is None else AgeSaid(None, None)
    assert age < len(BANDS)
    return AgeSaid(band_name(age), _p(answer.bands[age] if answer.bands else None))


def face_notes(face: Face, refused: bool) -> list[FaceNote]:
    """Why a face is not read, or what to hold against what is read."""
    return [FaceNote(fault.code, fault.message) for fault in face.faults if fault.refused == refused]


def answer_notes(answer: Answer) -> list[FaceNote]:
    """What to hold against an answer itself."""
    notes = []
    if answer.focus < 1:
        notes.append(FaceNote("out_of_focus", "the text names a movement that the box cannot show"))
    if not answer.consistent:
        notes.append(FaceNote("inconsistent", "the text does not say what the labels say"))
    return notes


def _p(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
