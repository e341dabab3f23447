"""Exam: fixed questions about the faces of a part, with what is true, so that every model answers the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.face_description.data import select_faces
from model.face_description.decisions import Probabilities, unit_matrix
from model.face_description.labels import Labels
from model.face_description.network import DescriberNetwork, FaceView
from model.face_description.prepared import PreparedFaces
from model.face_description.questions import APART, FaceQuestions, Question, random_box, truth
from model.face_description.regions import UNITS, UNITS_OF, Box, overlap

TASKS = ("face", "region", "focus")
"""The whole face; named regions; arbitrary boxes."""

REGIONS_PER_FACE = 6
PAIRS_PER_FACE = 2
_SEED = 7
_TRIES = 200
_FACES_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Item:
    """A question about a face and the true answer. pair: the position of a box far from this one, or None."""

    face: int
    task: str
    question: Question
    true: Labels
    pair: int | None = None


def tasks_by(stage: str) -> tuple[str, ...]:
    """What has been trained when a stage ends."""
    return TASKS[: TASKS.index(stage) + 1] if stage in TASKS else TASKS


def set_exam(prepared: PreparedFaces) -> list[Item]:
    """For every face itself, six of its regions and four arbitrary boxes in two pairs that lie apart."""
    items: list[Item] = []
    for face in range(len(prepared)):
        rng = np.random.default_rng((_SEED, face))
        questions = FaceQuestions(prepared.landmarks[face, 0].numpy().astype(float))
        names = rng.choice(list(UNITS_OF), REGIONS_PER_FACE, replace=False)
        asked: list[tuple[str, Question, int | None]] = [("face", questions.named("face"), None)]
        asked += [("region", questions.named(str(name)), None) for name in names]
        for _ in range(PAIRS_PER_FACE):
            first = len(items) + len(asked)
            one, other = _apart(rng)
            asked += [("focus", questions.arbitrary(one), first + 1), ("focus", questions.arbitrary(other), first)]
        units, emotion, age = prepared.units[face].numpy(), int(prepared.emotion[face]), float(prepared.age[face])
        items += [
            Item(face, task, question, truth(question, units, emotion, age), pair) for task, question, pair in asked
        ]
    return items


def _apart(rng: np.random.Generator) -> tuple[Box, Box]:
    for _ in range(_TRIES):
        one, other = random_box(rng), random_box(rng)
        if overlap(one, other) < APART:
            break
    return one, other


def true_units(items: Sequence[Item]) -> np.ndarray:
    """Which units are there and can be seen, bool [n, 6]."""
    return unit_matrix([item.true.units or {} for item in items])


def shown_units(items: Sequence[Item]) -> np.ndarray:
    """Which units each box can show, bool [n, 6]."""
    return unit_matrix([item.question.units for item in items])


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network makes of an exam: claims [n, 6], sight of age [n], emotion [n, 7], age [n, 10] probabilities.

    memory [n, 98, D]: what the decoder looks at.
    """

    claims: np.ndarray
    sight_of_age: np.ndarray
    emotion: np.ndarray
    age: np.ndarray
    memory: torch.Tensor

    def of(self, position: int) -> Probabilities:
        """What was found for one item."""
        return Probabilities(
            self.claims[position], float(self.sight_of_age[position]), self.emotion[position], self.age[position]
        )


def look_at(network: DescriberNetwork, prepared: PreparedFaces, items: Sequence[Item]) -> Seen:
    """Every item through the network, without texts; the network is in evaluation."""
    faces = sorted({item.face for item in items})
    parts: list[tuple[list[int], tuple[torch.Tensor, ...]]] = []
    with torch.inference_mode():
        for start in range(0, len(faces), _FACES_AT_ONCE):
            some = faces[start : start + _FACES_AT_ONCE]
            row_of = {face: row for row, face in enumerate(some)}
            positions = [position for position, item in enumerate(items) if item.face in row_of]
            chosen = select_faces(prepared, np.array(some), np.zeros(len(some), dtype=np.int64))
            rows = torch.tensor([row_of[items[position].face] for position in positions])
            view = FaceView(*(tensor[rows] for tensor in network.see(chosen.maps)))
            boxes = torch.tensor([items[position].question.box for position in positions], dtype=torch.float32)
            regions = network.look(view, chosen.pixels[rows], boxes[:, None])
            found = network.judge(view, regions, boxes[:, None])
            parts.append(
                (
                    positions,
                    (
                        found.claims()[:, 0],
                        found.sight[:, 0, len(UNITS)].sigmoid(),
                        found.emotion[:, 0].softmax(-1),
                        found.age[:, 0].softmax(-1),
                        network.memory(view, regions[:, 0], boxes),
                    ),
                )
            )
    order = torch.tensor([position for positions, _ in parts for position in positions]).argsort()
    claims, sight, emotion, age, memory = (
        torch.cat([tensors[number] for _, tensors in parts])[order] for number in range(5)
    )
    return Seen(claims.numpy(), sight.numpy(), emotion.numpy(), age.numpy(), memory)
