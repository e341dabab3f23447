"""Answer: what is asked of a face in an image, and what any backend says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from model.face_description.labels import Labels
from model.face_description.regions import Box


@dataclass(frozen=True, eq=False)
class Asked:
    """A box on a face. pixels [H, W, 3] uint8, landmarks [68, 2] and box in pixels of the image.

    region: the name of the box, None for an arbitrary one. earlier: what was said before in the same talk, oldest
    first; a backend may leave out what has been said.
    """

    pixels: np.ndarray
    landmarks: np.ndarray
    box: Box
    region: str | None
    attributes: tuple[str, ...]
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """text: for people, "looks like" and never "is". labels: what was decided.

    units, emotions, bands: probabilities by unit, by emotion, by position in BANDS; empty where a backend has none.
    focus: 1 - the share of named units that the box cannot show. consistent: whether the text states the labels.
    """

    text: str
    labels: Labels
    focus: float
    consistent: bool
    units: dict[int, float] = field(default_factory=dict)
    emotions: dict[str, float] = field(default_factory=dict)
    bands: tuple[float, ...] = ()


class Backend(Protocol):
    """What describes: the small model of this package, or a vision-language model."""

    @property
    def name(self) -> str:
        """For the answer's `model`."""
        ...

    def describe(self, asked: Sequence[Asked]) -> list[Answer]:
        """An answer for each; heavy, so never on an event loop."""
        ...
