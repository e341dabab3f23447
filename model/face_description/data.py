"""Data: batches of prepared faces with questions, labels and one text a face."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.face_description.config import STAGES, TOGETHER, ObjectiveConfig
from model.face_description.drawn_labels import asked_of, drawn_labels
from model.face_description.grammar import describe
from model.face_description.labels import ATTRIBUTES, Labels
from model.face_description.prepared import PreparedFaces
from model.face_description.questions import FaceQuestions, Question, truth
from model.face_description.regions import UNITS
from model.face_description.stem import Maps
from model.face_description.told import told
from model.face_description.vocabulary import PAD, Vocabulary

_TRIES = 100


class Faces(NamedTuple):
    """B faces as the network reads them; pixels [B, 1, 224, 224], 0..255."""

    maps: Maps
    pixels: Tensor


class Batch(NamedTuple):
    """B faces with R questions each; the first question of each has a text.

    boxes [B, R, 4] in 0..1; sight [B, R, 7]: which units and whether the age can be seen; landmarks [B, 68, 2];
    units [B, 6] probabilities; emotion, age [B], -1 without a label; codes [B, S] told; tokens [B, L].
    """

    faces: Faces
    landmarks: Tensor
    boxes: Tensor
    sight: Tensor
    units: Tensor
    emotion: Tensor
    age: Tensor
    codes: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class BatchPlan:
    """Which faces, in which variants, asked as which stage."""

    faces: np.ndarray
    variants: np.ndarray
    stages: tuple[str, ...]
    seed: tuple[int, ...]


def select_faces(prepared: PreparedFaces, faces: np.ndarray, variants: np.ndarray) -> Faces:
    """Chosen faces in chosen variants, in float32."""
    rows, columns = torch.from_numpy(faces), torch.from_numpy(variants)
    maps = (getattr(prepared, name)[rows, columns].float() for name in Maps._fields)
    return Faces(Maps(*maps), prepared.pixels[rows, columns][:, None].float())


def plan_epoch(
    prepared: PreparedFaces, stage: str, batch_size: int, replay_share: float, seed: tuple[int, ...]
) -> list[BatchPlan]:
    """Every face once, a replay_share of them asked as in an earlier stage."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(prepared))
    earlier = () if stage == TOGETHER else STAGES[: STAGES.index(stage)]
    plans = []
    for number, start in enumerate(range(0, len(order), batch_size)):
        faces = order[start : start + batch_size]
        replayed = rng.random(len(faces)) < (replay_share if earlier else 0.0)
        stages = tuple(str(rng.choice(earlier)) if one else stage for one in replayed)
        plans.append(BatchPlan(faces, rng.integers(0, prepared.variants, len(faces)), stages, (*seed, number)))
    return plans


def sight_of(question: Question) -> list[float]:
    """What a question's box can show, as Batch.sight has it."""
    return [float(unit in question.units) for unit in UNITS] + [float(question.age)]


def make_batch(
    prepared: PreparedFaces, plan: BatchPlan, objective: ObjectiveConfig, words_of: Vocabulary, max_words: int
) -> Batch:
    """The tensors of a plan; everything random hangs on its seed.

    max_words: of a text, its start and end among them.
    """
    rng, wording = np.random.default_rng(plan.seed), random.Random(repr(plan.seed))
    landmarks = prepared.landmarks[torch.from_numpy(plan.faces), torch.from_numpy(plan.variants)]
    boxes, sight, codes, texts = [], [], [], []
    for position, (face, stage) in enumerate(zip(plan.faces, plan.stages, strict=True)):
        questions = FaceQuestions(landmarks[position].numpy().astype(float))
        asked = questions.asked_in(stage, objective.boxes_per_face, rng)
        boxes.append([question.box for question in asked])
        sight.append([sight_of(question) for question in asked])
        true = truth(asked[0], prepared.units[face].numpy(), int(prepared.emotion[face]), float(prepared.age[face]))
        labels, withheld = _spoken(true, asked[0], objective, wording)
        codes.append(told(labels, asked[0].place, withheld))
        texts.append(worded(labels, asked[0].place, words_of, max_words, wording))
    rows = torch.from_numpy(plan.faces)
    return Batch(
        faces=select_faces(prepared, plan.faces, plan.variants),
        landmarks=landmarks,
        boxes=torch.tensor(boxes, dtype=torch.float32),
        sight=torch.tensor(sight),
        units=prepared.units[rows],
        emotion=prepared.emotion[rows],
        age=prepared.age[rows],
        codes=torch.tensor(codes),
        tokens=padded(texts),
    )


def _spoken(
    true: Labels, question: Question, objective: ObjectiveConfig, rng: random.Random
) -> tuple[Labels, tuple[str, ...]]:
    """What the text says, and which attributes of it are not told.

    Not told: the true labels. Told: the true ones, those that no label exists of drawn, or all of them drawn, so that
    the decoder learns to say what it is told, also what faces of one set never have together.
    """
    if rng.random() >= objective.told_share:
        return asked_of(true, rng), ATTRIBUTES
    invented = drawn_labels(question.units, rng)
    if rng.random() < objective.invented_share:
        return asked_of(invented, rng), ()
    labels = Labels(
        true.units,
        invented.emotion if true.emotion is None else true.emotion,
        invented.age if true.age is None else true.age,
    )
    return asked_of(labels, rng), ()


def worded(labels: Labels, place: str, words_of: Vocabulary, max_words: int, rng: random.Random) -> list[int]:
    """A text about labels, in a wording of at most max_words; raises ValueError where none is found."""
    for _ in range(_TRIES):
        text = words_of.encode(describe(labels, place, rng))
        if len(text) <= max_words:
            return text
    raise ValueError(f"expected some wording of {labels} in {max_words} words, found none")


def padded(texts: Sequence[Sequence[int]]) -> Tensor:
    """Texts as [n, longest], PAD after their ends."""
    longest = max(len(text) for text in texts)
    return torch.tensor([[*text, *[PAD] * (longest - len(text))] for text in texts])
