"""Proposals: boxes that someone thinks worth a region."""

from dataclasses import dataclass
from typing import Protocol

from model.vision.image import Image
from model.vision.part import PartInfo


@dataclass(frozen=True)
class Proposal:
    """box: x0 y0 x1 y1 in 0..1. source: one of regions.SOURCES."""

    box: tuple[float, float, float, float]
    label: str
    score: float
    source: str


class Proposer(Protocol):
    """Image -> boxes, the surest first."""

    info: PartInfo

    def propose(self, image: Image) -> list[Proposal]: ...
