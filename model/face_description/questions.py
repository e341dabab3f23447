"""Questions: the boxes that a training stage asks about on one face, and what would be true to say of them."""

from dataclasses import dataclass

import numpy as np

from model.face_description.config import STAGES, TOGETHER
from model.face_description.grammar import BOX
from model.face_description.labels import EMOTIONS, NOT_SHOWN, Labels, band_of, certainty, emotion_shown
from model.face_description.regions import FACE, REGIONS, UNITS, UNITS_OF, Box, Sight, overlap

PRESENT_FROM = 0.5
"""Probability from which a weak label counts as present."""
FACE_BOX: Box = (0.1, 0.06, 0.9, 0.97)
"""The whole face in a window's coordinates, which face_window makes the same for every face."""
SIZES = (0.08, 0.6)
"""Area of an arbitrary box, as a share of the face's."""
APART = 0.1
"""Boxes that overlap less than this are different questions."""
_TRIES = 50


@dataclass(frozen=True, eq=False)
class Question:
    """A box in the window's coordinates; region: its name, None for an arbitrary one.

    units, age: what the box can show, whether or not it is there.
    """

    box: Box
    region: str | None
    units: frozenset[int]
    age: bool

    @property
    def place(self) -> str:
        """What a text calls it."""
        return BOX if self.region is None else self.region


class FaceQuestions:
    """What can be asked of one face, by its landmarks [68, 2] in the window's coordinates."""

    def __init__(self, landmarks: np.ndarray) -> None:
        self._sight = Sight(landmarks)

    def named(self, region: str) -> Question:
        """About a region of REGIONS."""
        box = FACE_BOX if region == FACE else self._sight.boxes[region]
        return Question(box, region, self._sight.units(box, region), self._sight.age(box, region))

    def arbitrary(self, box: Box) -> Question:
        """About any box."""
        return Question(box, None, self._sight.units(box), self._sight.age(box))

    def asked_in(self, stage: str, count: int, rng: np.random.Generator) -> list[Question]:
        """As many questions as a stage asks of one face at a time; together: as any of the stages."""
        if stage == TOGETHER:
            stage = STAGES[rng.integers(len(STAGES))]
        if stage == "face":
            return [self.named(FACE)] * count
        if stage == "region":
            return [self.named(str(name)) for name in rng.choice(list(UNITS_OF), count, replace=False)]
        if stage == "focus":
            return [self.arbitrary(random_box(rng)) for _ in range(count)]
        return self._apart(count, rng)

    def _apart(self, count: int, rng: np.random.Generator) -> list[Question]:
        """Named and arbitrary boxes of one face, as little of one in the other as can be: each other's negatives."""
        questions: list[Question] = []
        for _ in range(count):
            for _ in range(_TRIES):
                drawn = self.named(str(rng.choice(REGIONS))) if rng.random() < 0.5 else self.arbitrary(random_box(rng))
                if all(overlap(drawn.box, one.box) < APART for one in questions):
                    break
            questions.append(drawn)
        return questions


def random_box(rng: np.random.Generator) -> Box:
    """Any place on the face, 8 to 60 % of its area, up to twice as long as wide."""
    left, top, right, bottom = FACE_BOX
    face_width, face_height = right - left, bottom - top
    while True:
        size, form = rng.uniform(*SIZES) * face_width * face_height, 2 ** rng.uniform(-1, 1)
        width, height = (size * form) ** 0.5, (size / form) ** 0.5
        if width <= face_width and height <= face_height:
            break
    x1, y1 = left + rng.uniform(0, face_width - width), top + rng.uniform(0, face_height - height)
    return (x1, y1, x1 + width, y1 + height)


def truth(question: Question, units: np.ndarray, emotion: int, age: float) -> Labels:
    """What is true of a face in a box; None for what there is no label of (emotion or age below 0).

    units: probabilities [6] of the face.
    """
    there = {
        unit: certainty(float(probability))
        for unit, probability in zip(UNITS, units, strict=True)
        if probability >= PRESENT_FROM and unit in question.units
    }
    name = EMOTIONS[emotion] if emotion >= 0 else None
    if name is not None and not emotion_shown(name, there, question.region):
        name = NOT_SHOWN
    band: int | str | None = band_of(age) if age >= 0 else None
    if band is not None and not question.age:
        band = NOT_SHOWN
    return Labels(there, name, band)
