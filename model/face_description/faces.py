"""Faces: the labelled faces of FER2013 and UTKFace subsets, split by image into train, validation and test.

Research sets of real people: for training and tests only, never shown. The label of an action unit is a probability
that another model made of landmarks, not a person's code. Who is on two images is not known, so a person may be in two
parts.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from model.face_description.labels import EMOTIONS
from model.face_description.regions import UNITS

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
SPLIT_SEED = 2026
_TWENTIETHS: tuple[Part, ...] = (*("train",) * 14, *("validation",) * 3, *("test",) * 3)
SETS = ("fer2013", "utkface")


@dataclass(frozen=True, eq=False)
class Face:
    """An image with one face. landmarks [68, 2] in pixels, units [6] probabilities in the order of UNITS.

    emotion: position in EMOTIONS, None in UTKFace. age: years, None in FER2013.
    """

    path: Path
    key: str
    landmarks: np.ndarray
    units: np.ndarray
    emotion: int | None
    age: float | None
    part: Part


def part_of(key: str) -> Part:
    """Which part an image belongs to, by the hash of its name: 70, 15 and 15 of a hundred."""
    digest = hashlib.sha256(f"{SPLIT_SEED}:{key}".encode()).digest()
    return _TWENTIETHS[int.from_bytes(digest[:8], "big") % len(_TWENTIETHS)]


def load_faces(data: Path) -> list[Face]:
    """Every face of a folder with fer2013/ and utkface/ that has landmarks, in a fixed order.

    Raises ValueError where a table lacks a column, OSError where one is missing.
    """
    return [face for name in SETS for face in _load_set(data / name, name)]


def _load_set(folder: Path, name: str) -> list[Face]:
    labels, units = _table(folder / "labels.csv"), _table(folder / "au_weak_derived.csv")
    faces = []
    for file, row in _table(folder / "landmarks68_derived.csv").items():
        try:
            points = [[float(row[f"x{number}"]), float(row[f"y{number}"])] for number in range(68)]
            probabilities = [float(units[file][f"AU{unit:02d}"]) for unit in UNITS]
            emotion = labels[file].get("emotion")
            age = labels[file].get("age")
        except KeyError as error:
            raise ValueError(f"expected {folder} to tell {error} of {file}, got nothing") from None
        faces.append(
            Face(
                path=folder / "img" / file,
                key=f"{name}/{file}",
                landmarks=np.array(points),
                units=np.array(probabilities, dtype=np.float32),
                emotion=EMOTIONS.index(emotion) if emotion else None,
                age=float(age) if age else None,
                part=part_of(f"{name}/{file}"),
            )
        )
    return faces


def _table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}
