"""Text: the words that are written on an image."""

from dataclasses import dataclass
from typing import Protocol

from model.vision.image import Image
from model.vision.part import PartInfo

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class TextLine:
    """One line as it was read; quad: its corners as shares of width and height, clockwise from the top left."""

    text: str
    score: float
    quad: Quad


class TextReader(Protocol):
    """Image -> its lines, from top to bottom."""

    info: PartInfo

    def read(self, image: Image) -> list[TextLine]: ...
