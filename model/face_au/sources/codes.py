"""Codes: what the readers of hand-coded sets share."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from model.face_au.action_units import FROM_68, NUM_LANDMARKS
from model.face_au.frames import Frames

IMAGE_TYPES = (".jpg", ".png")
MISSING = 9
"""The code of an action unit that could not be seen."""


def frames_of(
    aus: tuple[str, ...],
    coded: Iterable[tuple[Path, str, Mapping[str, float]]],
    landmarks: Mapping[Path, np.ndarray] | None = None,
) -> Frames:
    """Frames of (image, person, action unit -> 0, 1 or NaN); an action unit without an entry is not known.

    landmarks: [49, 2] of an image as shares of its sides, where they are. Raises ValueError where nothing is coded.
    """
    rows = sorted(coded, key=lambda one: one[0])
    if not rows:
        raise ValueError("expected coded images in the layout of the set, found none")
    known = landmarks or {}
    unknown = np.full((NUM_LANDMARKS, 2), np.nan, np.float32)
    return Frames(
        aus,
        tuple(path for path, _, _ in rows),
        tuple(person for _, person, _ in rows),
        np.array([[codes.get(au, np.nan) for au in aus] for _, _, codes in rows], np.float32),
        np.stack([known.get(path, unknown) for path, _, _ in rows]).astype(np.float32),
    )


def image_of(folder: Path, stems: Iterable[str]) -> Path | None:
    """The image in a folder under the first of these names that is there, whatever its type."""
    for stem in stems:
        for suffix in IMAGE_TYPES:
            path = folder / f"{stem}{suffix}"
            if path.is_file():
                return path
    return None


def relative_landmarks(points: np.ndarray, path: Path) -> np.ndarray:
    """68 or 49 landmarks in pixels of an image -> [49, 2] as shares of its sides."""
    from PIL import Image

    if len(points) == 68:
        points = points[list(FROM_68)]
    if points.shape != (NUM_LANDMARKS, 2):
        raise ValueError(f"expected 68 or {NUM_LANDMARKS} landmarks for {path.name}, got {len(points)}")
    with Image.open(path) as image:
        return points / image.size
