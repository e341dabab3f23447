"""ArtworkDesk: one request about covers, told in order; no HTTP in it."""

from dataclasses import dataclass

from model.artwork.additions import revision_of
from model.artwork.cover import RESERVED, STYLE, Cover
from model.artwork.fingerprint import fingerprint
from model.artwork.library import Addition
from model.artwork.thumbnails import thumbnail
from model.condition import ConditionError
from model.image_text.inputs import ImageInputs
from service.admission import Deadline
from service.artwork.answer import Artwork, ArtworkFound, ArtworkIndexed, ArtworkMatched, ArtworkRemoved
from service.artwork.finding import Finding
from service.artwork.matching import Matching
from service.artwork.pool import WorkPool
from service.artwork.releases import ArtworkReleases, ServedArtwork
from service.artwork.request import RESERVED_IDS, ArtworkIndexRequest, ArtworkMatchRequest, ArtworkSearchRequest
from service.artwork.sight import Seen, see
from service.errors import (
    FieldError,
    InvalidRequestError,
    NoThumbnailError,
    UnknownCoverError,
    VisionNotConfiguredError,
)
from service.exchange import Exchange
from service.settings import Settings
from service.telemetry import Telemetry

NOBODY = "expected the id of a cover of the release in force or of one added since"


@dataclass
class ArtworkDesk:
    """What the routes of covers stand on; everything that computes runs in the pool."""

    settings: Settings
    telemetry: Telemetry
    releases: ArtworkReleases
    pool: WorkPool

    async def search(self, body: ArtworkSearchRequest, exchange: Exchange) -> ArtworkFound:
        """Covers for a sentence; raises InvalidRequestError for instructions that cannot be followed."""
        served = self.releases.served
        deadline = self._deadline(body.deadline_ms, exchange)
        faults: list[FieldError] = []
        selections = []
        for index, one in enumerate(body.instructions):
            try:
                selections.append(served.library.select(one.client_form(), f"instructions.{index}.where"))
            except ConditionError as error:
                faults.append(FieldError(error.path, str(error), error.code))
        if faults:
            raise InvalidRequestError(faults)
        finding = Finding(served, self.settings, body, selections, deadline, exchange)
        answer = await self.pool.run(deadline.due_s, finding.answer)
        self._count("search", answer.rerank_reason)
        return answer

    async def match(self, image: bytes, body: ArtworkMatchRequest, exchange: Exchange) -> ArtworkMatched:
        """Sentences for a picture: those given, scored, or the nearest that the release knows."""
        served = self._seeing()
        if not body.sentences and served.artwork.sentences is None:
            message = "expected sentences: the release in force knows none to find"
            raise InvalidRequestError([FieldError("sentences", message, "missing")])
        deadline = self._deadline(body.deadline_ms, exchange)
        matching = Matching(served, self.settings, body, deadline, exchange)
        answer = await self.pool.run(deadline.due_s, matching.answer, image)
        self._count("match", answer.rerank_reason)
        return answer

    async def index(self, image: bytes, body: ArtworkIndexRequest, exchange: Exchange) -> ArtworkIndexed:
        """Add a cover or replace one: on disk and findable when this returns."""
        served = self._seeing()
        reserved = [f"attributes.{name}" for name in sorted(set(body.attributes) & set(RESERVED))]
        reserved += ["artwork_id"] if body.artwork_id in RESERVED_IDS else []
        if reserved:
            message = "expected another name: this one means something else already"
            raise InvalidRequestError([FieldError(field, message, "reserved") for field in reserved])
        deadline = self._deadline(self.settings.max_deadline_ms, exchange)
        answer = await self.pool.run(deadline.due_s, self._index, served, image, body, exchange)
        self.telemetry.artwork_additions.labels("replaced" if answer.replaced else "new").inc()
        return answer

    def read(self, artwork_id: str) -> Artwork:
        """A cover; raises UnknownCoverError."""
        served = self.releases.served
        library = served.library
        row = library.row_of(artwork_id)
        if row is None:
            raise UnknownCoverError(NOBODY)
        cover, (segment, own) = library.cover(row), library.place(row)
        return Artwork(
            artwork_id=cover.artwork_id,
            title=cover.title,
            artist=cover.artist,
            attributes=segment.attributes(own),
            read_text=list(cover.read_text),
            same_picture=library.copies(cover.picture),
            image_sha256=cover.image_sha256,
            in_release=segment is library.base,
            release=served.release_id,
            feature_space=served.artwork.identity.feature_space,
        )

    async def remove(self, artwork_id: str, exchange: Exchange) -> ArtworkRemoved:
        """Take a cover away: on disk and found no more when this returns. One that is not there stays so."""
        deadline = self._deadline(self.settings.max_deadline_ms, exchange)
        with exchange.stage("store"):
            now, removed = await self.pool.run(deadline.due_s, self.releases.remove, artwork_id)
        self.telemetry.artwork_removals.labels("removed" if removed else "unknown").inc()
        return ArtworkRemoved(exchange.request_id, artwork_id, removed, len(now.library), now.release_id)

    def thumbnail(self, artwork_id: str) -> bytes:
        """The small picture of a cover, a WebP; raises UnknownCoverError and NoThumbnailError."""
        library = self.releases.served.library
        row = library.row_of(artwork_id)
        if row is None:
            raise UnknownCoverError(NOBODY)
        content = library.thumbnail(row)
        if not content:
            raise NoThumbnailError("expected a cover of a release that keeps pictures, or one added with its picture")
        return content

    def close(self) -> None:
        """Give back the threads, then what they look at pictures with."""
        self.pool.close()
        self.releases.close()

    def _index(
        self, served: ServedArtwork, image: bytes, body: ArtworkIndexRequest, exchange: Exchange
    ) -> ArtworkIndexed:
        seen = see(served.networks, image, self.settings, exchange)
        addition = self._addition(served, seen, body, exchange)
        replaced = served.library.row_of(body.artwork_id) is not None
        with exchange.stage("store"):
            now = self.releases.add(served, addition, image)
        library = now.library
        row = library.row_of(body.artwork_id)
        assert row is not None
        segment, own = library.place(row)
        return ArtworkIndexed(
            request_id=exchange.request_id,
            release=now.release_id,
            feature_space=now.artwork.identity.feature_space,
            parts=now.networks.parts | dict(seen.features.parts),
            artwork_id=body.artwork_id,
            replaced=replaced,
            covers=len(library),
            same_picture=library.copies(addition.cover.picture),
            cover_style=segment.attributes(own)[STYLE][0],
            read_text=list(addition.cover.read_text),
            took_ms=round(exchange.took_ms, 3),
        )

    def _addition(self, served: ServedArtwork, seen: Seen, body: ArtworkIndexRequest, exchange: Exchange) -> Addition:
        inputs = ImageInputs.from_features(seen.features)
        with exchange.stage("embed"):
            vector, prepared = served.networks.vector(inputs), served.networks.prepare(inputs)
        said = Cover(
            artwork_id=body.artwork_id,
            fingerprint=fingerprint(seen.image.pixels),
            image_sha256=seen.image.sha256,
            title=body.title,
            artist=body.artist,
            attributes=body.attribute_values(),
            read_text=seen.read_text,
        )
        picture = served.library.shown_before(body.artwork_id, said.fingerprint, vector) or said.image_sha256
        cover = Cover(**(vars(said) | {"picture": picture, "revision": revision_of(said)}))
        return Addition(cover, vector, prepared, thumbnail(seen.image.pixels))

    def _seeing(self) -> ServedArtwork:
        served = self.releases.served
        if served.networks.sight.blind is not None:
            raise VisionNotConfiguredError(f"this process cannot look at pictures: {served.networks.sight.blind}")
        return served

    def _deadline(self, deadline_ms: int | None, exchange: Exchange) -> Deadline:
        return Deadline(deadline_ms or self.settings.default_deadline_ms, exchange.started_s)

    def _count(self, operation: str, rerank_reason: str | None) -> None:
        self.telemetry.artwork_answers.labels(operation, rerank_reason or "reranked").inc()
