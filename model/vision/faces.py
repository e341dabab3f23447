"""Faces: where the faces of an image are, their 68 landmarks, and whether a network should read them at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.vision.image import Image
from model.vision.part import PartInfo

NUM_LANDMARKS = 68
RIGHT_OUTER_EYE, LEFT_OUTER_EYE, NOSE_TIP = 36, 45, 30
# The crop that face networks are given: landmarks' box this share of its side, and its middle this far down; medians of
# UTKFace and FER2013, which they learn from.
BOX_SHARE, BOX_MIDDLE = 0.84, (0.5, 0.58)
QUALITY_SIDE = 128
TONES, MAIN_TONES = 64, 8


@dataclass(frozen=True)
class FaceLimits:
    """Below the first of a pair nothing is read off a face, below the second what is read carries a note.

    Of photographs (a quarter of UTKFace), 99 % have more contrast than 24 (standard deviation of grey, 0 to 255), more
    sharpness than 0.05 (mean Laplacian over contrast) and less than 0.58 of the face in its 8 commonest of 64 tones.
    """

    min_size_px: float = 64
    visible: tuple[float, float] = (0.8, 0.97)
    frontal: tuple[float, float] = (0.08, 0.25)
    contrast: tuple[float, float] = (8.0, 20.0)
    sharpness: tuple[float, float] = (0.015, 0.04)
    max_main_tones: float = 0.6


@dataclass(frozen=True)
class Fault:
    """Why a face is not read (`refused`), or what to hold against what was read.

    code: too_small, cut_off, turned_away, low_contrast, blurred or few_tones.
    """

    code: str
    message: str
    refused: bool


@dataclass(frozen=True, eq=False)
class Face:
    """One face of an image.

    landmarks: [68, 2] float32 in the usual order, x and y as shares of the image's sides, a little outside it where the
    face is cut off. size_px: longer side of their box in pixels of the image. quality: 0 to 1.
    """

    landmarks: np.ndarray
    size_px: float
    quality: float
    faults: tuple[Fault, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the landmarks that lie inside the image, as shares of its sides."""
        low, high = self.landmarks.min(axis=0).clip(0, 1), self.landmarks.max(axis=0).clip(0, 1)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def readable(self) -> bool:
        """Whether a network should be asked about it."""
        return not any(fault.refused for fault in self.faults)


class FaceFinder(Protocol):
    """Image -> its faces, the largest first; none is a valid answer."""

    info: PartInfo

    def find(self, image: Image) -> tuple[Face, ...]: ...


DEFAULT_LIMITS = FaceLimits()


def judged_faces(image: Image, found: Sequence[np.ndarray], limits: FaceLimits = DEFAULT_LIMITS) -> tuple[Face, ...]:
    """Faces of landmarks [68, 2] each, with the checks made on the image's pixels; the largest first."""
    faces = [_judged(image, landmarks.astype(np.float32), limits) for landmarks in found]
    return tuple(sorted(faces, key=lambda face: -face.size_px))


def face_crop(image: Image, landmarks: np.ndarray, side_px: int) -> np.ndarray:
    """The face upright in the frame that face networks know, [side, side, 3] uint8; edges repeat outside the image.

    landmarks: [68, 2] as shares of the image's sides.
    """
    from PIL import Image as Pillow

    points = landmarks * (image.width, image.height)
    eyes = points[LEFT_OUTER_EYE] - points[RIGHT_OUTER_EYE]
    along = eyes / max(float(np.hypot(*eyes)), 1e-6)
    axes = np.stack([along, (-along[1], along[0])])
    level = points @ axes.T
    low, high = level.min(axis=0), level.max(axis=0)
    side = max(float((high - low).max()), 1.0) / BOX_SHARE
    corner = (low + high) / 2 - side * np.array(BOX_MIDDLE)
    # Smaller first where it will be: the affine reading below takes single pixels.
    shrink = max(1, int(side / side_px))
    matrix, start = axes.T * (side / side_px) / shrink, (corner @ axes) / shrink
    margin = int(np.ceil(side / shrink))
    # Only the face and what lies around it: a cover may be large.
    x0, y0, x1, y1 = _around(points, side, image)
    pixels = Pillow.fromarray(image.pixels[y0:y1, x0:x1])
    reduced = np.asarray(pixels.reduce(shrink) if shrink > 1 else pixels)
    padded = Pillow.fromarray(np.pad(reduced, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    start = start - np.array([x0, y0]) / shrink + margin
    data = (matrix[0, 0], matrix[0, 1], start[0], matrix[1, 0], matrix[1, 1], start[1])
    crop = padded.transform(
        (side_px, side_px), Pillow.Transform.AFFINE, tuple(map(float, data)), Pillow.Resampling.BICUBIC
    )
    return np.asarray(crop)


def _around(points: np.ndarray, side: float, image: Image) -> tuple[int, int, int, int]:
    middle = points.mean(axis=0)
    x0, y0 = np.maximum(middle - 1.5 * side, 0).astype(int)
    x1, y1 = np.minimum(middle + 1.5 * side, (image.width, image.height)).astype(int)
    return int(min(x0, image.width - 1)), int(min(y0, image.height - 1)), int(max(x1, x0 + 1)), int(max(y1, y0 + 1))


def _judged(image: Image, landmarks: np.ndarray, limits: FaceLimits) -> Face:
    points = landmarks * (image.width, image.height)
    size_px = float((points.max(axis=0) - points.min(axis=0)).max())
    if size_px < limits.min_size_px:
        message = f"expected a face of {limits.min_size_px:.0f} pixels at least, got {size_px:.0f}"
        return Face(landmarks, size_px, 0.0, (Fault("too_small", message, refused=True),))
    visible = float(((landmarks >= 0) & (landmarks <= 1)).all(axis=1).mean())
    frontal = _frontal(points)
    contrast, sharpness, main_tones = _light(face_crop(image, landmarks, QUALITY_SIDE))
    checks = (
        ("cut_off", visible, limits.visible, "share of the face inside the image"),
        ("turned_away", frontal, limits.frontal, "ratio of its two halves"),
        ("low_contrast", contrast, limits.contrast, "standard deviation of grey"),
        ("blurred", sharpness, limits.sharpness, "mean Laplacian over contrast"),
    )
    faults, quality = [], 1.0
    for code, value, (refused, noted), what in checks:
        quality *= min(1.0, value / (2 * noted)) if code != "cut_off" else visible
        if value < noted:
            faults.append(Fault(code, f"expected {noted:g} or more ({what}), got {value:.3g}", value < refused))
    if main_tones > limits.max_main_tones:
        quality /= 2
        message = f"{main_tones:.0%} of it in {MAIN_TONES} of {TONES} tones: perhaps drawn, painted or edited"
        faults.append(Fault("few_tones", message, refused=False))
    return Face(landmarks, size_px, quality, tuple(faults))


def _frontal(points: np.ndarray) -> float:
    """Where the tip of the nose stands between the outer eye corners: 1 in the middle, 0 at one of them or beyond."""
    right, left, nose = points[RIGHT_OUTER_EYE], points[LEFT_OUTER_EYE], points[NOSE_TIP]
    axis = left - right
    share = float((nose - right) @ axis / max(float(axis @ axis), 1e-6))
    return max(0.0, min(share, 1 - share) / max(share, 1 - share))


def _light(crop: np.ndarray) -> tuple[float, float, float]:
    """Contrast, sharpness and share of the main tones of a face's crop."""
    grey = crop.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = grey[1:-1, 1:-1]
    laplacian = 4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    contrast = float(grey.std())
    counts = np.sort(np.bincount((grey * TONES / 256).astype(int).ravel(), minlength=TONES))
    sharpness = float(np.abs(laplacian).mean()) / max(contrast, 1.0)
    return contrast, sharpness, float(counts[-MAIN_TONES:].sum() / counts.sum())
