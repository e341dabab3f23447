"""Question: which face and box of an image are meant, or the reason why there is no such thing."""

from dataclasses import dataclass

import numpy as np

from model.face_description.regions import FACE, Box, Sight, area, intersection
from model.vision.faces import Face
from model.vision.image import Image
from service.descriptions.request import RegionRequest
from service.errors import invalid

MIN_BOX_PX = 16


@dataclass(frozen=True, eq=False)
class Question:
    """A box in pixels on a face whose landmarks [68, 2] are in pixels too. region: its name, None for any box."""

    face: Face
    landmarks: np.ndarray
    box: Box
    region: str | None

    @property
    def nearest_region(self) -> str:
        """The region, or the one that the box overlaps most."""
        return self.region or Sight(self.landmarks).name(self.box)


def find_question(image: Image, faces: tuple[Face, ...], asked: RegionRequest) -> Question:
    """The face and box that are meant.

    Raises InvalidRequestError: no_face, unknown_face, outside_face, box_too_small, or the code of a fault for which a
    face is refused.
    """
    if not faces:
        raise invalid("image", "expected an image with a face, found none", "no_face")
    size = np.array([image.width, image.height])
    if asked.box is None:
        if asked.face >= len(faces):
            raise invalid("face", f"expected one of {len(faces)} faces, got {asked.face}", "unknown_face")
        face = faces[asked.face]
        landmarks = face.landmarks * size
        box = _within(_region_box(landmarks, asked.named_region or FACE), image)
    else:
        x1, y1, x2, y2 = asked.box
        box = (x1 * image.width, y1 * image.height, x2 * image.width, y2 * image.height)
        face = max(faces, key=lambda one: intersection(box, face_box(one.landmarks * size)))
        landmarks = face.landmarks * size
        if intersection(box, face_box(landmarks)) < 0.5 * area(box):
            raise invalid("box", "expected a box of which half lies on a face", "outside_face")
    _check_readable(face)
    if min(box[2] - box[0], box[3] - box[1]) < MIN_BOX_PX:
        shown = f"{box[2] - box[0]:.0f} x {box[3] - box[1]:.0f}"
        raise invalid(
            "box" if asked.box else "region", f"expected sides of {MIN_BOX_PX} pixels, got {shown}", "box_too_small"
        )
    return Question(face, landmarks, box, asked.named_region)


def face_box(landmarks: np.ndarray) -> Box:
    """The landmarks' box with the forehead, which has no landmarks: [68, 2] -> x0, y0, x1, y1 in the same units."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    forehead = Sight(landmarks).boxes["forehead"]
    return float(low[0]), min(float(low[1]), forehead[1]), float(high[0]), float(high[1])


def regions_of(image: Image, face: Face) -> dict[str, Box]:
    """Every region of a face that is large enough to ask about, as shares of the image's sides."""
    landmarks = face.landmarks * (image.width, image.height)
    boxes = {FACE: face_box(landmarks), **Sight(landmarks).boxes}
    placed = {name: _within(box, image) for name, box in boxes.items()}
    return {
        name: shares(box, image) for name, box in placed.items() if min(box[2] - box[0], box[3] - box[1]) >= MIN_BOX_PX
    }


def shares(box: Box, image: Image) -> Box:
    """A box in pixels as shares of the image's sides."""
    x1, x2 = (round(float(side) / image.width, 4) for side in (box[0], box[2]))
    y1, y2 = (round(float(side) / image.height, 4) for side in (box[1], box[3]))
    return x1, y1, x2, y2


def _region_box(landmarks: np.ndarray, region: str) -> Box:
    return face_box(landmarks) if region == FACE else Sight(landmarks).boxes[region]


def _within(box: Box, image: Image) -> Box:
    x1, x2 = (min(max(side, 0.0), float(image.width)) for side in (box[0], box[2]))
    y1, y2 = (min(max(side, 0.0), float(image.height)) for side in (box[1], box[3]))
    return x1, y1, x2, y2


def _check_readable(face: Face) -> None:
    for fault in face.faults:
        if fault.refused:
            raise invalid("image", fault.message, fault.code)
