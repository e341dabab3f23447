"""Hands: where the hands of an image are, their 21 landmarks, and whether they should be read at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from model.vision.image import Image
from model.vision.part import PartInfo

NUM_LANDMARKS = 21
SURE = 0.8


@dataclass(frozen=True)
class HandLimits:
    """Smaller or less sure hands are not read; one of which more points lie outside is read with a note."""

    min_size_px: float = 48
    min_confidence: float = 0.5
    max_points_outside: float = 0.1


@dataclass(frozen=True)
class HandFault:
    """Why a hand is not read (`refused`), or what to hold against what was read.

    code: too_small, unsure or cut_off.
    """

    code: Literal["too_small", "unsure", "cut_off"]
    message: str
    refused: bool


@dataclass(frozen=True, eq=False)
class Hand:
    """One hand of an image.

    landmarks: [21, 3] float32 in MediaPipe's order; x and y as shares of the image's sides, z as a share of its width.
    handedness: which hand of the person it is, for an image that was not mirrored. size_px: longer side of their box.
    """

    landmarks: np.ndarray
    handedness: Literal["left", "right"]
    confidence: float
    size_px: float
    faults: tuple[HandFault, ...]

    @property
    def readable(self) -> bool:
        """Whether its pose should be read."""
        return not any(fault.refused for fault in self.faults)


class HandFinder(Protocol):
    """Finds hands; info: what results say of the network behind it."""

    info: PartInfo

    def find(self, image: Image) -> tuple[Hand, ...]:
        """Every hand found, the largest first; none is an answer."""


DEFAULT_LIMITS = HandLimits()


def judged_hands(
    image: Image, found: Sequence[tuple[np.ndarray, Literal["left", "right"], float]], limits: HandLimits
) -> tuple[Hand, ...]:
    """Hands with their faults, the largest first; found: landmarks, handedness and confidence of each."""
    hands = [_judged(image, *one, limits) for one in found]
    return tuple(sorted(hands, key=lambda hand: -hand.size_px))


def _judged(
    image: Image, landmarks: np.ndarray, handedness: Literal["left", "right"], confidence: float, limits: HandLimits
) -> Hand:
    pixels = landmarks[:, :2] * (image.width, image.height)
    size_px = float((pixels.max(axis=0) - pixels.min(axis=0)).max())
    outside = float(((landmarks[:, :2] < 0) | (landmarks[:, :2] > 1)).any(axis=1).mean())
    faults = []
    if size_px < limits.min_size_px:
        message = f"expected a hand of at least {limits.min_size_px:.0f} pixels, got {size_px:.0f}"
        faults.append(HandFault("too_small", message, True))
    if confidence < SURE:
        message = f"the finder is {confidence:.2f} sure of its hand"
        faults.append(HandFault("unsure", message, confidence < limits.min_confidence))
    if outside > limits.max_points_outside:
        faults.append(HandFault("cut_off", f"{outside:.0%} of its landmarks lie outside the image", False))
    return Hand(landmarks.astype(np.float32), handedness, confidence, size_px, tuple(faults))
