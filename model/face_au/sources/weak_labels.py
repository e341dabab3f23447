"""Weak labels: faces whose action units a machine derived from landmarks; no human coded them.

A folder holds img/, au_weak_derived.csv (file, a probability for each action unit, ...), landmarks68_derived.csv (file,
x0, y0, ... in pixels) and labels.csv; FER2013 with `emotion`, UTKFace with `age`. Images without a row are left out.
"""

import csv
from pathlib import Path

import numpy as np

from model.face_au.action_units import FROM_68, NUM_LANDMARKS
from model.face_au.frames import Frames

AUS_FILE, LANDMARKS_FILE, LABELS_FILE = "au_weak_derived.csv", "landmarks68_derived.csv", "labels.csv"


def load_weak_labels(folder: Path, aus: tuple[str, ...]) -> Frames:
    """Every image that labels.csv lists, with NaN where the derived files lack it. Raises ValueError and OSError.

    Nobody knows which images show the same person, so each counts as a person of its own.
    """
    listed = list(_rows(folder / LABELS_FILE))
    derived, points = _rows(folder / AUS_FILE), _rows(folder / LANDMARKS_FILE)
    labels = np.full((len(listed), len(aus)), np.nan, np.float32)
    landmarks = np.full((len(listed), NUM_LANDMARKS, 2), np.nan, np.float32)
    for row, file in enumerate(listed):
        if file in derived:
            missing = set(aus) - set(derived[file])
            if missing:
                raise ValueError(f"expected columns {sorted(missing)} in {folder / AUS_FILE}, got none")
            labels[row] = [float(derived[file][au]) for au in aus]
        if file in points:
            width, height = _size(folder / "img" / file)
            pairs = [(float(points[file][f"x{i}"]) / width, float(points[file][f"y{i}"]) / height) for i in FROM_68]
            landmarks[row] = pairs
    paths = tuple(folder / "img" / file for file in listed)
    return Frames(aus, paths, tuple(f"{folder.name}/{file}" for file in listed), labels, landmarks)


def read_column(folder: Path, file: str, column: str) -> dict[str, str]:
    """image file -> a column of one of the folder's tables."""
    return {name: row[column] for name, row in _rows(folder / file).items()}


def _rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(path) as image:
        return image.size
