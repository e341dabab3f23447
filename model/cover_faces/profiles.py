"""Profiles: the faces of every cover of a catalogue, as a release keeps them and as they are searched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from model.cover_faces.reading import FaceReading
from model.face_au.inference import UnitReading
from model.release import verify_release
from model.vision.faces import Fault

KIND = "cover-faces"
COVERS_FILE, FACES_FILE = "covers.parquet", "faces.parquet"
COVER_SCHEMA = {"cover_id": pl.String, "image_sha256": pl.String, "unreadable": pl.String}
FACE_SCHEMA: dict[str, Any] = {
    "cover_id": pl.String,
    "box": pl.List(pl.Float64),
    "size_px": pl.Float64,
    "quality": pl.Float64,
    "faults": pl.List(pl.Struct({"code": pl.String, "message": pl.String, "refused": pl.Boolean})),
    "p": pl.List(pl.Float64),
    "present": pl.List(pl.Boolean),
}


@dataclass(frozen=True)
class CoverProfile:
    """A cover's faces, the largest first. unreadable: why the image could not be read, "" where it could."""

    cover_id: str
    image_sha256: str
    faces: tuple[FaceReading, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True)
class FoundProfile:
    """A cover with the face that fits best. score: the smallest of its probabilities that were asked for."""

    profile: CoverProfile
    face: int
    score: float


class CoverFaces:
    """The profiles of one release, in memory."""

    def __init__(
        self,
        aus: Sequence[str],
        profiles: Sequence[CoverProfile],
        release_id: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """aus: the action units that the reader knows, in the order of every probability row."""
        self.aus = tuple(aus)
        self.release_id = release_id
        self.facts = dict(facts or {})
        self._profiles = {profile.cover_id: profile for profile in profiles}
        read = [
            (profile, place, face)
            for profile in self._profiles.values()
            for place, face in enumerate(profile.faces)
            if face.units is not None
        ]
        self._places = [(profile, place) for profile, place, _ in read]
        rows = [[face.units[au].p for au in self.aus] for _, _, face in read if face.units is not None]
        self._probabilities = np.array(rows, np.float64).reshape(len(rows), len(self.aus))
        self._quality = np.array([face.quality for _, _, face in read])

    @classmethod
    def load(cls, path: Path, public_key: str | None = None) -> Self:
        """The profiles of a release, verified. Raises ReleaseError and ValueError."""
        release = verify_release(path, public_key)
        facts = release.manifest["facts"]
        if facts.get("kind") != KIND:
            raise ValueError(f"expected a {KIND} release in {path}, got {facts.get('kind')}")
        profiles = profiles_of(pl.read_parquet(path / COVERS_FILE), pl.read_parquet(path / FACES_FILE), facts["aus"])
        return cls(facts["aus"], profiles, release.release_id, facts)

    def __len__(self) -> int:
        return len(self._profiles)

    def __iter__(self) -> Iterator[CoverProfile]:
        return iter(self._profiles.values())

    def profile(self, cover_id: str) -> CoverProfile | None:
        """The faces of a cover, None for one that was never looked at."""
        return self._profiles.get(cover_id)

    def search(self, minima: Mapping[str, float], k: int, min_quality: float = 0.0) -> list[FoundProfile]:
        """Covers on which one face shows every asked action unit with its minimum at least, the surest first.

        Raises ValueError for an unknown action unit.
        """
        unknown = sorted(set(minima) - set(self.aus))
        if unknown:
            raise ValueError(f"expected action units of {list(self.aus)}, got {unknown}")
        columns = [self.aus.index(au) for au in minima]
        asked = self._probabilities[:, columns]
        fits = (asked >= np.array(list(minima.values()))).all(axis=1) & (self._quality >= min_quality)
        scores = asked.min(axis=1, initial=1.0)
        found: dict[str, FoundProfile] = {}
        for row in np.lexsort((np.arange(len(scores)), -scores)):
            profile, place = self._places[row]
            if fits[row] and profile.cover_id not in found:
                found[profile.cover_id] = FoundProfile(profile, place, float(scores[row]))
                if len(found) == k:
                    break
        return list(found.values())


def cover_table(profiles: Sequence[CoverProfile]) -> pl.DataFrame:
    """A row a cover."""
    rows = [(one.cover_id, one.image_sha256, one.unreadable) for one in profiles]
    return pl.DataFrame(rows, schema=COVER_SCHEMA, orient="row")


def face_table(profiles: Sequence[CoverProfile], aus: Sequence[str]) -> pl.DataFrame:
    """A row a face; p and present are lists in the order of `aus`, null where the face is not to be read."""
    rows = []
    for profile in profiles:
        for face in profile.faces:
            units = face.units
            rows.append(
                {
                    "cover_id": profile.cover_id,
                    "box": list(face.box),
                    "size_px": face.size_px,
                    "quality": face.quality,
                    "faults": [vars(fault) for fault in face.faults],
                    "p": None if units is None else [units[au].p for au in aus],
                    "present": None if units is None else [units[au].present for au in aus],
                }
            )
    return pl.DataFrame(rows, schema=FACE_SCHEMA, orient="row")


def profiles_of(covers: pl.DataFrame, faces: pl.DataFrame, aus: Sequence[str]) -> list[CoverProfile]:
    """The reverse of the two tables."""
    found: dict[str, list[FaceReading]] = {}
    for row in faces.iter_rows(named=True):
        units = None
        if row["p"] is not None:
            readings = map(UnitReading, row["p"], row["present"])
            units = dict(zip(aus, readings, strict=True))
        faults = tuple(Fault(**fault) for fault in row["faults"])
        face = FaceReading(tuple(row["box"]), row["size_px"], row["quality"], units, faults)
        found.setdefault(row["cover_id"], []).append(face)
    return [
        CoverProfile(row["cover_id"], row["image_sha256"], tuple(found.get(row["cover_id"], ())), row["unreadable"])
        for row in covers.iter_rows(named=True)
    ]
