"""Samples: labelled faces as conversations of a stage, in the words of the grammar."""

import random
from collections.abc import Sequence

import numpy as np

from model.face_description.config import STAGES
from model.face_description.faces import Face
from model.face_description.grammar import describe, words, written
from model.face_description.labels import Labels
from model.face_description.questions import FaceQuestions, truth
from model.face_description.regions import Box, face_window
from model.face_description.vlm.boxes import resized_size, to_resized
from model.face_description.vlm.conversation import expected_answer, opening
from model.face_description.vlm.encoding import Sample
from model.vision.image import read_image

REPLAY_SHARE = 0.2
JSON_FROM = STAGES[-1]
"""The stage from which the labels follow the text."""


def stage_samples(
    faces: Sequence[Face], stage: str, limits: tuple[int, int], seed: tuple[int, ...]
) -> list[list[Sample]]:
    """A group for each face, REPLAY_SHARE of them as an earlier stage asks; in the last stage two boxes of one face.

    limits: of the processor, in pixels. Everything random hangs on the seed.
    """
    rng, wording = np.random.default_rng(seed), random.Random(repr(seed))
    groups = []
    for number in rng.permutation(len(faces)):
        asked = stage
        if stage != STAGES[0] and rng.random() < REPLAY_SHARE:
            asked = str(rng.choice(STAGES[: STAGES.index(stage)]))
        groups.append(_of_face(faces[number], asked, stage == JSON_FROM, limits, rng, wording))
    return groups


def _of_face(
    face: Face, stage: str, as_json: bool, limits: tuple[int, int], rng: np.random.Generator, wording: random.Random
) -> list[Sample]:
    pixels = read_image(face.path).pixels
    height, width = pixels.shape[:2]
    window = face_window(face.landmarks)
    corner, side = np.array(window[:2]), window[2] - window[0]
    questions = FaceQuestions((face.landmarks - corner) / side)
    emotion, age = -1 if face.emotion is None else face.emotion, -1.0 if face.age is None else face.age
    samples = []
    for question in questions.asked_in(stage, 2 if stage == JSON_FROM else 1, rng):
        labels = truth(question, face.units, emotion, age)
        x1, y1, x2, y2 = question.box
        box: Box = tuple((np.array([[x1, y1], [x2, y2]]) * side + corner).ravel())
        place = to_resized(box, (width, height), resized_size(width, height, limits))
        text = written(words(describe(labels, question.place, wording)))
        attributes = _with_labels(labels)
        samples.append(
            Sample(
                pixels,
                opening(place, question.place, attributes, (), as_json),
                expected_answer(text, labels, as_json),
            )
        )
    return samples


def _with_labels(labels: Labels) -> tuple[str, ...]:
    """The attributes that a face has a label of: no others are asked for."""
    known = {"aus": labels.units, "emotion": labels.emotion, "age": labels.age}
    return tuple(name for name, label in known.items() if label is not None)
