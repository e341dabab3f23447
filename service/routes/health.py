"""GET /health/live and /health/ready: for the one who starts, stops and routes to this process."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response

from service.artwork.releases import ArtworkReleases
from service.assembly import Service, service_of
from service.experiment import Arm
from service.followed import Followed
from service.openapi import problems
from service.releases import Releases

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
    one, is not served; refused_release: which, where it can be told.
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
    refused_release: str | None


@dataclass(frozen=True)
class ReadyFollowed:
    """A release that holds nothing up.

    release: in force; refused: why what `current` names is not; refused_release: its id, where it can be told.
    """

    release: str | None
    refused: str | None
    refused_release: str | None


@dataclass(frozen=True)
class ReadyBeside:
    """What else the settings ask for; null where they do not."""

    hands: ReadyFollowed | None
    faces: ReadyFollowed | None
    cover_faces: ReadyFollowed | None
    face_description: ReadyFollowed | None


@dataclass(frozen=True)
class ReadyWithoutRecommender:
    """Covers are served and nothing is recommended, for REC_RELEASE_ROOT is not set."""

    artwork: ReadyArtwork
    beside: ReadyBeside
    status: Literal["ready"] = "ready"


@dataclass(frozen=True)
class ArmReady:
    """One arm of the experiment. release: that it answers from; missing: why it has none, so that control stands in."""

    name: str
    share: float
    release: str
    missing: str | None


@dataclass(frozen=True)
class Ready:
    """A release is loaded and warmed up; runtime is what reads histories, chosen from runtimes.

    kept: earlier releases that are loaded still, newest first; refused: a newer one that may not replace this one;
    artwork: the covers, null where REC_ARTWORK_ROOT is not set; beside: hands and faces.
    experiment: its name, arms: empty where there is none.
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
    beside: ReadyBeside
    experiment: str | None
    arms: list[ArmReady]
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
        return Response(orjson.dumps(ReadyWithoutRecommender(covers, _beside(service))), media_type="application/json")
    served = service.releases.served
    retriever, refused, experiment = served.retriever, service.releases.refused, service.settings.experiment
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
        _beside(service),
        None if experiment is None else experiment.name,
        [_arm(arm, service.releases) for arm in experiment.arms] if experiment is not None else [],
    )
    return Response(orjson.dumps(document), media_type="application/json")


def _artwork(releases: ArtworkReleases, alone: bool) -> ReadyArtwork | None:
    """None where no covers are to be served; raises NotReadyError while the first are being loaded.

    alone: without them there is nothing to serve, so that their refusal is one's own.
    """
    if not releases.configured:
        return None
    if releases.refused is not None and not releases.is_served and not alone:
        return ReadyArtwork(None, None, {}, 0, 0, 0, None, None, releases.refused, releases.refused_id)
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
        releases.refused_id,
    )


def _beside(service: Service) -> ReadyBeside:
    return ReadyBeside(
        _followed(service.hands.releases),
        _followed(service.faces.readers),
        _followed(service.faces.covers),
        _followed(service.descriptions.describers),
    )


def _followed(releases: Followed[Any]) -> ReadyFollowed | None:
    if not releases.configured:
        return None
    return ReadyFollowed(releases.release_id, releases.refused, releases.refused_id)


def _arm(arm: Arm, releases: Releases) -> ArmReady:
    missing = None if arm.release is None else releases.missing.get(arm.release)
    release = arm.release if arm.release is not None and missing is None else releases.served.release_id
    return ArmReady(arm.name, arm.share, release, None if missing is None else missing.message)
