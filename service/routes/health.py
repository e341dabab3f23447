"""GET /health/live and /health/ready: for the one who starts, stops and routes to this process."""

from dataclasses import asdict, dataclass
from typing import Literal

import orjson
from fastapi import APIRouter, Request, Response

from service.artwork.releases import ArtworkReleases
from service.assembly import service_of
from service.openapi import problems

router = APIRouter()


@dataclass(frozen=True)
class Live:
    """The process answers."""

    status: Literal["live"] = "live"


@dataclass(frozen=True)
class RuntimeTried:
    """How one runtime did when this process started: CPU per history, agreement, and why it may not serve."""

    name: str
    pass_us: float | None
    error: float | None
    overlap: float | None
    refusal: str


@dataclass(frozen=True)
class Refused:
    """What `current` names and is not served. reason: a stable code."""

    release: str | None
    reason: str
    message: str


@dataclass(frozen=True)
class ReadyArtwork:
    """The covers that are served. recall: of the first stage, null where it is exact.

    additions: covers added since the release was made; stale_additions: those of other networks, not found until a
    release takes them in. blind: why this process cannot look at pictures; refused: why a newer release, or the first
    one, is not served.
    """

    release: str | None
    feature_space: str | None
    parts: dict[str, str]
    covers: int
    additions: int
    stale_additions: int
    recall: float | None
    blind: str | None
    refused: str | None


@dataclass(frozen=True)
class ReadyWithoutRecommender:
    """Covers are served and nothing else, for REC_RELEASE_ROOT is not set."""

    artwork: ReadyArtwork
    status: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Ready:
    """A release is loaded and warmed up; runtime is what reads histories, chosen from runtimes.

    kept: earlier releases that are loaded still, newest first; refused: a newer one that may not replace this one;
    artwork: the covers, null where REC_ARTWORK_ROOT is not set.
    """

    release: str
    simulated: str
    items: int
    device: str
    attention: str
    runtime: str
    runtimes: tuple[RuntimeTried, ...]
    kept: list[str]
    refused: Refused | None
    artwork: ReadyArtwork | None
    status: Literal["ready"] = "ready"


@router.get(
    "/health/live",
    operation_id="live",
    summary="Is the process alive?",
    responses={200: {"model": Live, "description": "alive"}},
)
async def live() -> Response:
    """200 as long as the process answers at all."""
    return Response(orjson.dumps(Live()), media_type="application/json")


@router.get(
    "/health/ready",
    operation_id="ready",
    summary="May traffic come?",
    responses={200: {"model": Ready | ReadyWithoutRecommender, "description": "ready"}, **problems(503)},
)
async def ready(request: Request) -> Response:
    """200 with the release in force once warmed up, 503 before. Redis is not asked: without it we still answer."""
    service, _ = service_of(request)
    alone = service.settings.release_root is None
    covers = _artwork(service.artwork.releases, alone)
    if alone and covers is not None:
        return Response(orjson.dumps(ReadyWithoutRecommender(covers)), media_type="application/json")
    served = service.releases.served
    retriever, refused = served.retriever, service.releases.refused
    document = Ready(
        served.release_id,
        retriever.simulated,
        len(served.catalogue),
        retriever.device,
        retriever.attention_backend,
        retriever.runtime.name,
        tuple(RuntimeTried(**asdict(row)) for row in retriever.runtime.rows),
        service.releases.kept,
        None if refused is None else Refused(refused.release_id, refused.reason, refused.message),
        covers,
    )
    return Response(orjson.dumps(document), media_type="application/json")


def _artwork(releases: ArtworkReleases, alone: bool) -> ReadyArtwork | None:
    """None where no covers are to be served; raises NotReadyError while the first are being loaded.

    alone: without them there is nothing to serve, so that their refusal is one's own.
    """
    if not releases.configured:
        return None
    if releases.refused is not None and not releases.is_served and not alone:
        return ReadyArtwork(None, None, {}, 0, 0, 0, None, None, releases.refused)
    served = releases.served
    artwork = served.artwork
    return ReadyArtwork(
        served.release_id,
        artwork.identity.feature_space,
        served.networks.parts,
        len(served.library),
        len(served.library.additions),
        artwork.stale,
        artwork.recall,
        served.networks.sight.blind,
        releases.refused,
    )
