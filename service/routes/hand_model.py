"""GET /hands/model: everything a browser needs to follow a hand by itself, so that no frame leaves it."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from service.assembly import service_of
from service.openapi import problems

router = APIRouter()


@dataclass(frozen=True)
class Layer:
    """One linear layer, weights row by row in base64 of little-endian float32."""

    inner: int
    outer: int
    weight: str
    bias: str


@dataclass(frozen=True)
class HandLayout:
    """The plane of the autoencoder -> the map: scaling, and knots of the bending of x and, by column, of y."""

    lowest: list[float]
    width: list[float]
    x: list[float]
    y: list[list[float]]
    evenness: float


@dataclass(frozen=True)
class HandModel:
    """Encoder, decoder, layout, bones and cursor settings of the hand-pose release in force."""

    format: int
    release: str
    encoder: list[Layer]
    decoder: list[Layer]
    code_mean: str
    code_deviation: str
    layout: HandLayout
    bone_lengths: list[float]
    cursor: dict[str, float]
    camera: Annotated[bool, Field(description="whether the operator offers a hand tracker for the browser's camera")]


@router.get(
    "/hands/model",
    operation_id="hand_model",
    summary="Download the hand-pose model",
    responses={200: {"model": HandModel, "description": "the model"}, **problems(503)},
)
async def hand_model(request: Request) -> Response:
    """The model for computation in the client: with it neither frames nor landmarks have to be sent."""
    service, _ = service_of(request)
    document = service.hands.pose.browser_document
    camera = service.settings.hands_tracker_dir is not None
    return Response(orjson.dumps({**document, "camera": camera}), media_type="application/json")
