"""The answers about faces, field by field as the client reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from model.cover_faces.profiles import CoverProfile
from model.cover_faces.reading import FaceReading
from model.face_au.action_units import NAMES


@dataclass(frozen=True)
class UnitAnswer:
    """How much a face looks like showing an action unit."""

    name: str
    p: Annotated[float, Field(description="the network's probability, 0 to 1")]
    present: Annotated[bool, Field(description="p is at or above the threshold that was chosen for this action unit")]


@dataclass(frozen=True)
class FaceNote:
    """Why a face was not read, or what to hold against what was read."""

    code: str
    message: str


@dataclass(frozen=True)
class FaceAnswer:
    """One face. aus is null where it was not read: `refused` says why, and nothing is guessed."""

    box: Annotated[
        tuple[float, float, float, float], Field(description="x0, y0, x1, y1 as shares of the image's sides")
    ]
    size_px: float
    quality: Annotated[float, Field(description="0 to 1")]
    aus: dict[str, UnitAnswer] | None
    refused: list[FaceNote]
    notes: list[FaceNote]


@dataclass(frozen=True)
class ReaderAnswer:
    """What read the faces. labels: the set that it was trained on; `weak`: machine-made labels, checked by no coder."""

    release: str
    finder: str
    labels: str
    may_be_used_for: str


@dataclass(frozen=True, kw_only=True)
class FacesAnswer:
    """The faces of an image, the largest first. stored: they were read by the batch, not now."""

    request_id: str
    source: Literal["cover", "listener"]
    cover_id: str | None
    stored: bool
    faces: list[FaceAnswer]
    note: Annotated[str | None, Field(description="why there are no faces")]
    model: ReaderAnswer
    took_ms: float


@dataclass(frozen=True)
class FoundFaces:
    """A cover that looks as asked. face: the one that does so best, as `faces` counts."""

    cover_id: str
    score: Annotated[float, Field(description="smallest of the probabilities that were asked for")]
    face: int
    faces: list[FaceAnswer]


@dataclass(frozen=True, kw_only=True)
class FoundCovers:
    """Covers by action units, the surest first, among `covers` that were looked at."""

    request_id: str
    release: str
    covers: int
    results: list[FoundFaces]
    took_ms: float


def face_answer(face: FaceReading) -> FaceAnswer:
    """A face as it is told."""
    units = face.units
    told = None if units is None else {au: UnitAnswer(NAMES[au], one.p, one.present) for au, one in units.items()}
    refused = [FaceNote(fault.code, fault.message) for fault in face.faults if fault.refused]
    notes = [FaceNote(fault.code, fault.message) for fault in face.faults if not fault.refused]
    return FaceAnswer(face.box, face.size_px, face.quality, told, refused, notes)


def absence(faces: tuple[FaceReading, ...], unreadable: str = "") -> str | None:
    """Why there is nothing to tell."""
    if unreadable:
        return f"the image could not be read: {unreadable}"
    return None if faces else "no face was found"


def reader_answer(facts: Mapping[str, Any], release: str, finder: str) -> ReaderAnswer:
    """What the manifest of a reader says of it."""
    return ReaderAnswer(release, finder, str(facts.get("dataset", "")), str(facts.get("may_be_used_for", "")))


def profile_faces(profile: CoverProfile) -> list[FaceAnswer]:
    """The faces of a cover as they are told."""
    return [face_answer(face) for face in profile.faces]
