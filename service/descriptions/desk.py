"""DescriptionDesk: one question about a part of a face, told in order; no HTTP in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.face_description.answer import Answer, Asked, Backend
from model.face_description.inference import Describer
from model.release import verify_release
from model.vision.face_landmarker import FaceLandmarker
from model.vision.faces import FaceFinder
from model.vision.part import PartError
from service.admission import Deadline
from service.artwork.pool import WorkPool
from service.descriptions.answer import (
    DescriptionAnswer,
    FaceRegions,
    RegionsAnswer,
    age_said,
    answer_notes,
    emotion_said,
    face_notes,
    units_said,
)
from service.descriptions.cover_images import CoverImages
from service.descriptions.question import Question, face_box, find_question, regions_of, shares
from service.descriptions.request import RegionRequest
from service.descriptions.turn import Turn
from service.errors import DescriptionNotConfiguredError
from service.exchange import Exchange
from service.followed import Followed
from service.settings import Settings
from service.telemetry import Telemetry
from service.upload import decoded


@dataclass(frozen=True)
class ServedDescriber:
    """A describer and what finds the faces; a request takes both once."""

    describer: Backend
    finder: FaceFinder


@dataclass(frozen=True, eq=False)
class _Described:
    question: Question
    answer: Answer
    turn: str
    face_box: tuple[float, float, float, float]
    box: tuple[float, float, float, float]


class DescriptionDesk:
    """What the routes of descriptions stand on; images are looked at in the pool, and nothing of them is kept."""

    def __init__(self, settings: Settings, telemetry: Telemetry, pool: WorkPool) -> None:
        self._settings, self._telemetry, self._pool = settings, telemetry, pool
        self._covers = CoverImages(settings.cover_images, settings.max_image_bytes)
        self._finder: FaceLandmarker | None = None
        self._language_model: Backend | None = None
        self.describers: Followed[ServedDescriber] = Followed(
            "face-description",
            settings.face_description_root,
            self._load,
            DescriptionNotConfiguredError("REC_FACE_DESCRIPTION_ROOT is not set: this process describes no faces"),
            settings.release_poll_ms,
            telemetry,
        )

    async def describe(
        self,
        image: bytes | str,
        source: Literal["cover", "listener"],
        asked: RegionRequest,
        exchange: Exchange,
    ) -> DescriptionAnswer:
        """What a part of a face looks like; image: its bytes, or the id of a cover.

        Raises the ServiceError of an image that cannot be read and of a question that is about no face.
        """
        served = self.describers.served
        deadline = Deadline(self._settings.max_deadline_ms, exchange.started_s)
        said = await self._pool.run(deadline.due_s, self._describe, served, image, asked, exchange)
        answer = said.answer
        self._telemetry.descriptions.labels("consistent" if answer.consistent else "inconsistent").inc()
        return DescriptionAnswer(
            request_id=exchange.request_id,
            source=source,
            cover_id=image if isinstance(image, str) else None,
            face_box=said.face_box,
            region=said.question.nearest_region,
            box=said.box,
            description=answer.text,
            aus=units_said(answer),
            emotion=emotion_said(answer),
            age=age_said(answer),
            focus=round(answer.focus, 4),
            consistent=answer.consistent,
            warnings=[*face_notes(said.question.face, refused=False), *answer_notes(answer)],
            turn=said.turn,
            model=served.describer.name,
            took_ms=round(exchange.took_ms, 3),
        )

    async def regions(self, cover_id: str, exchange: Exchange) -> RegionsAnswer:
        """The faces of a cover and the boxes on them to ask about; no face is an answer too."""
        served = self.describers.served
        deadline = Deadline(self._settings.max_deadline_ms, exchange.started_s)
        faces = await self._pool.run(deadline.due_s, self._regions, served, cover_id, exchange)
        return RegionsAnswer(
            request_id=exchange.request_id, cover_id=cover_id, faces=faces, took_ms=round(exchange.took_ms, 3)
        )

    def close(self) -> None:
        """Give back threads and the finder's network."""
        self.describers.close()
        if self._finder is not None:
            self._finder.close()

    def _describe(
        self, served: ServedDescriber, content: bytes | str, asked: RegionRequest, exchange: Exchange
    ) -> _Described:
        with exchange.stage("decode"):
            image = decoded(self._covers.read(content) if isinstance(content, str) else content, self._settings)
        turn = Turn.begin(image.sha256) if asked.turn_of is None else Turn.of(asked.turn_of, image.sha256)
        with exchange.stage("faces"):
            question = find_question(image, served.finder.find(image), asked)
        with exchange.stage("describe"):
            (answer,) = served.describer.describe(
                [
                    Asked(
                        image.pixels,
                        question.landmarks,
                        question.box,
                        question.region,
                        asked.asked(turn.told()),
                        tuple(turn.said),
                    )
                ]
            )
        return _Described(
            question,
            answer,
            turn.next(answer.text),
            shares(face_box(question.landmarks), image),
            shares(question.box, image),
        )

    def _regions(self, served: ServedDescriber, cover_id: str, exchange: Exchange) -> list[FaceRegions]:
        with exchange.stage("decode"):
            image = decoded(self._covers.read(cover_id), self._settings)
        with exchange.stage("faces"):
            faces = served.finder.find(image)
        return [
            FaceRegions(
                face=number,
                face_box=shares(face_box(face.landmarks * (image.width, image.height)), image),
                size_px=round(face.size_px, 1),
                quality=round(face.quality, 3),
                regions=regions_of(image, face) if face.readable else {},
                refused=face_notes(face, refused=True),
                notes=face_notes(face, refused=False),
            )
            for number, face in enumerate(faces)
        ]

    def _load(self, path: Path) -> ServedDescriber:
        """Raises PartError where the package that finds faces is missing."""
        if self._finder is None:
            try:
                self._finder = FaceLandmarker()
            except ImportError as error:
                raise PartError("missing_file", f"expected the extra `vision` to be installed: {error}") from None
        return ServedDescriber(self._describer(path), self._finder)

    def _describer(self, path: Path) -> Backend:
        """The release, or the language model where its weights are on disk and the operator wants it."""
        weights = self._settings.face_description_weights
        if weights is None:
            return Describer.load(verify_release(path, self._settings.release_public_key))
        if self._language_model is None:
            # Here alone, for the extra vlm is optional and takes seconds to load.
            from model.face_description.vlm.inference import QwenDescriber

            self._language_model = QwenDescriber.load(weights, self._settings.device)
        return self._language_model
