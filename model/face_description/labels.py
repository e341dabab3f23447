"""Labels: what is said of a region - action units, an emotion it looks like, a band of age."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from model.face_description.regions import FACE, UNITS

Certainty = Literal["faint", "clear"]
CERTAINTIES: tuple[Certainty, ...] = ("faint", "clear")
CLEAR_FROM = 0.8
"""Probability from which a unit is called clear."""
ATTRIBUTES = ("aus", "emotion", "age")
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
UNITS_OF_EMOTION: Mapping[str, frozenset[int]] = {
    "angry": frozenset(),
    "disgust": frozenset({6}),
    "fear": frozenset({1, 2, 25, 26}),
    "happy": frozenset({6, 12, 25}),
    "neutral": frozenset(),
    "sad": frozenset({1}),
    "surprise": frozenset({1, 2, 25, 26}),
}
"""Which of our units go with an emotion; those of anger (4, 5, 7, 23) are not among them."""
BANDS = ((0, 2), (3, 9), (10, 17), (18, 24), (25, 34), (35, 44), (45, 54), (55, 64), (65, 74), (75, 116))
BAND_YEARS = (*((low + high + 1) / 2 for low, high in BANDS[:-1]), 83.0)
"""The middle of each band; the last one is open, and 83 is the mean age of those in it."""
NOT_SHOWN = "not_shown"
"""The region does not tell."""


@dataclass(frozen=True)
class Labels:
    """What is said of a region; None: was not asked.

    units: those seen, each with its certainty. emotion: one of EMOTIONS or NOT_SHOWN. age: a position in BANDS or
    NOT_SHOWN.
    """

    units: Mapping[int, Certainty] | None = field(default_factory=dict)
    emotion: str | None = None
    age: int | str | None = None


def certainty(probability: float) -> Certainty:
    """The word for a probability."""
    return "clear" if probability >= CLEAR_FROM else "faint"


def band_of(years: float) -> int:
    """The position in BANDS of an age."""
    return max(number for number, (low, _) in enumerate(BANDS) if years >= low)


def emotion_shown(emotion: str, units: Collection[int], region: str | None) -> bool:
    """Whether a region may speak of an emotion: the whole face always, a part only with one of its units in it."""
    return region == FACE or bool(UNITS_OF_EMOTION[emotion] & set(units))


def band_name(band: int) -> str:
    """25-34, or 75+ for the last."""
    low, high = BANDS[band]
    return f"{low}+" if band == len(BANDS) - 1 else f"{low}-{high}"


def unit_name(unit: int) -> str:
    """AU12; AU1 and AU01 are the same to those who write it, AU01 to those who sort it."""
    assert unit in UNITS
    return f"AU{unit:02d}"
