"""FacesDesk: one request about faces, told in order; no HTTP in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.cover_faces.profiles import CoverFaces, CoverProfile
from model.cover_faces.reading import FaceReading, read_faces
from model.face_au.inference import FaceAuReader
from model.vision.face_landmarker import FaceLandmarker
from model.vision.faces import FaceFinder
from model.vision.part import PartError
from service.admission import Deadline
from service.artwork.pool import WorkPool
from service.errors import CoverFacesNotConfiguredError, FacesNotConfiguredError, UnknownCoverError, invalid
from service.exchange import Exchange
from service.faces.answer import (
    FacesAnswer,
    FoundCovers,
    FoundFaces,
    absence,
    face_answer,
    profile_faces,
    reader_answer,
)
from service.faces.request import UnitSearchRequest
from service.followed import Followed
from service.settings import Settings
from service.telemetry import Telemetry
from service.upload import decoded


@dataclass(frozen=True)
class ServedReader:
    """A reader of faces and what finds them; a request takes both once."""

    reader: FaceAuReader
    finder: FaceFinder


class FacesDesk:
    """What the routes of faces stand on; images are read in the pool."""

    def __init__(self, settings: Settings, telemetry: Telemetry, pool: WorkPool) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._pool = pool
        self._finder: FaceLandmarker | None = None
        self.readers: Followed[ServedReader] = Followed(
            "face-au",
            settings.faces_root,
            self._load_reader,
            FacesNotConfiguredError("REC_FACES_ROOT is not set: this process reads no faces"),
            settings.release_poll_ms,
            telemetry,
        )
        self.covers: Followed[CoverFaces] = Followed(
            "cover-faces",
            settings.cover_faces_root,
            lambda path: CoverFaces.load(path, settings.release_public_key),
            CoverFacesNotConfiguredError("REC_COVER_FACES_ROOT is not set: this process knows no faces of covers"),
            settings.release_poll_ms,
            telemetry,
        )

    async def read(self, content: bytes, source: Literal["cover", "listener"], exchange: Exchange) -> FacesAnswer:
        """The faces of an image; nothing of it is kept. Raises the ServiceError of an image that cannot be read."""
        served = self.readers.served
        deadline = Deadline(self._settings.max_deadline_ms, exchange.started_s)
        faces = await self._pool.run(deadline.due_s, self._read, served, content, exchange)
        for face in faces:
            refused = [fault.code for fault in face.faults if fault.refused]
            self._telemetry.faces.labels(source, refused[0] if refused else "read").inc()
        reader = served.reader
        return FacesAnswer(
            request_id=exchange.request_id,
            source=source,
            cover_id=None,
            stored=False,
            faces=[face_answer(face) for face in faces],
            note=absence(faces),
            model=reader_answer(reader.facts, reader.release_id, served.finder.info.name),
            took_ms=round(exchange.took_ms, 3),
        )

    def of_cover(self, cover_id: str, exchange: Exchange) -> FacesAnswer:
        """The faces of a cover as the batch read them; raises UnknownCoverError."""
        covers = self.covers.served
        profile = _profile(covers, cover_id)
        facts = covers.facts
        return FacesAnswer(
            request_id=exchange.request_id,
            source="cover",
            cover_id=cover_id,
            stored=True,
            faces=profile_faces(profile),
            note=absence(profile.faces, profile.unreadable),
            model=reader_answer(facts | {"dataset": facts["labels"]}, facts["reader"], facts["finder"]),
            took_ms=round(exchange.took_ms, 3),
        )

    def search(self, body: UnitSearchRequest, exchange: Exchange) -> FoundCovers:
        """Covers on which a face looks as asked; raises InvalidRequestError for an action unit that was not read."""
        covers = self.covers.served
        minima: dict[str, float] = dict(body.where)
        for au in minima:
            if au not in covers.aus:
                raise invalid(f"where.{au}", f"expected an action unit of {', '.join(covers.aus)}", "unknown_unit")
        found = covers.search(minima, body.k, body.min_quality)
        results = [
            FoundFaces(one.profile.cover_id, round(one.score, 4), one.face, profile_faces(one.profile)) for one in found
        ]
        return FoundCovers(
            request_id=exchange.request_id,
            release=covers.release_id,
            covers=len(covers),
            results=results,
            took_ms=round(exchange.took_ms, 3),
        )

    def close(self) -> None:
        """Give back threads and the finder's network."""
        self.readers.close()
        self.covers.close()
        if self._finder is not None:
            self._finder.close()

    def _read(self, served: ServedReader, content: bytes, exchange: Exchange) -> tuple[FaceReading, ...]:
        with exchange.stage("decode"):
            image = decoded(content, self._settings)
        with exchange.stage("faces"):
            return read_faces(image, served.finder, served.reader)

    def _load_reader(self, path: Path) -> ServedReader:
        """Raises PartError where the package that finds faces is missing."""
        if self._finder is None:
            try:
                self._finder = FaceLandmarker()
            except ImportError as error:
                raise PartError("missing_file", f"expected the extra `vision` to be installed: {error}") from None
        return ServedReader(FaceAuReader(path, self._settings.release_public_key), self._finder)


def _profile(covers: CoverFaces, cover_id: str) -> CoverProfile:
    profile = covers.profile(cover_id)
    if profile is None:
        raise UnknownCoverError("expected the id of a cover whose faces were read")
    return profile
