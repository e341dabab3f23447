"""Regions: where the parts of a face are, which action units a box can show, and how a box is named.

Landmarks are the 68 points of dlib's order, float [68, 2] in pixels; left and right are those of the person shown.
"""

from collections.abc import Mapping, Sequence

import numpy as np

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2."""
UNITS = (1, 2, 6, 12, 25, 26)
"""The action units that the data has labels for."""
FACE = "face"
UNITS_OF = {
    "forehead": (1, 2),
    "left_brow": (1, 2),
    "right_brow": (1, 2),
    "glabella": (1,),
    "left_eye": (6,),
    "right_eye": (6,),
    "nose": (),
    "left_cheek": (6, 12),
    "right_cheek": (6, 12),
    "mouth": (12, 25, 26),
    "chin": (26,),
    "upper_face": (1, 2, 6),
    "lower_face": (12, 25, 26),
}
PARTS = tuple(name for name in UNITS_OF if not name.endswith("_face"))
"""The regions that are not made of others."""
REGIONS = (FACE, *UNITS_OF)
MIN_OVERLAP = 0.3
"""Share of a region that a box must cover to show what the region shows."""
AGE_PARTS = frozenset({"forehead", "left_eye", "right_eye", "left_cheek", "right_cheek", "mouth"})
"""Where skin tells something of age: lines of the forehead, corners of the eyes, folds of the cheeks and mouth."""
# Two centres of each unit: landmarks and a shift downwards in distances of the inner eye corners (JAA-Net's).
CENTRES = {
    1: ((21, 22), -1 / 2),
    2: ((18, 25), -1 / 3),
    6: ((41, 46), 1.0),
    12: ((48, 54), 0.0),
    25: ((51, 57), 0.0),
    26: ((56, 58), 1 / 2),
}
# Landmarks whose mirror image is another one.
_PAIRS = (
    *((i, 16 - i) for i in range(17)),
    *((17 + i, 26 - i) for i in range(10)),
    *((31 + i, 35 - i) for i in range(5)),
    *(pair for a, b in ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)) for pair in ((a, b), (b, a))),
    *((48 + i, 54 - i) for i in range(7)),
    *((55 + i, 59 - i) for i in range(5)),
    *((60 + i, 64 - i) for i in range(5)),
    *((65 + i, 67 - i) for i in range(3)),
)
MIRROR = np.arange(68)
for _one, _other in _PAIRS:
    MIRROR[_one] = _other


def mirrored(landmarks: np.ndarray, width: float) -> np.ndarray:
    """The landmarks of the mirrored image."""
    return np.stack([width - landmarks[MIRROR, 0], landmarks[MIRROR, 1]], axis=1)


def region_boxes(landmarks: np.ndarray) -> dict[str, Box]:
    """The box of every region but the face; margins are in distances of the eyes."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    eyes = float(np.linalg.norm(landmarks[36:42].mean(0) - landmarks[42:48].mean(0)))

    def around(first: int, last: int, across: float, up: float, down: float) -> Box:
        part = slice(first, last + 1)
        left, right = float(x[part].min()) - across * eyes, float(x[part].max()) + across * eyes
        return left, float(y[part].min()) - up * eyes, right, float(y[part].max()) + down * eyes

    brows, jaw = float(y[17:27].min()), float(y[5:12].max())
    boxes = {
        "forehead": (float(x[17]), brows - 0.70 * eyes, float(x[26]), brows - 0.12 * eyes),
        "right_brow": around(17, 21, 0.10, 0.12, 0.12),
        "left_brow": around(22, 26, 0.10, 0.12, 0.12),
        "glabella": (x[21] - 0.03 * eyes, y[21:23].min() - 0.15 * eyes, x[22] + 0.03 * eyes, y[27] + 0.10 * eyes),
        "right_eye": around(36, 41, 0.12, 0.14, 0.14),
        "left_eye": around(42, 47, 0.12, 0.14, 0.14),
        "nose": (x[31] - 0.18 * eyes, y[27] - 0.05 * eyes, x[35] + 0.18 * eyes, y[31:36].max() + 0.05 * eyes),
        "right_cheek": (x[36] - 0.10 * eyes, y[36:42].max() + 0.15 * eyes, x[31] - 0.05 * eyes, y[48]),
        "left_cheek": (x[35] + 0.05 * eyes, y[42:48].max() + 0.15 * eyes, x[45] + 0.10 * eyes, y[54]),
        "mouth": around(48, 67, 0.12, 0.12, 0.12),
        "chin": (x[48], y[48:68].max() + 0.05 * eyes, x[54], jaw),
        "upper_face": (x[17] - 0.10 * eyes, brows - 0.15 * eyes, x[26] + 0.10 * eyes, y[29]),
        "lower_face": (x[4], y[30], x[12], jaw),
    }
    return {name: _ordered(box) for name, box in boxes.items()}


def _ordered(box: Sequence[float]) -> Box:
    """On a face turned far aside, what is left and what is right may change places."""
    x1, y1, x2, y2 = (float(side) for side in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def unit_centres(landmarks: np.ndarray) -> dict[int, np.ndarray]:
    """Two points [2, 2] of each unit."""
    inner = abs(float(landmarks[39, 0] - landmarks[42, 0]))
    shift = np.array([0.0, inner])
    return {unit: landmarks[list(points)] + down * shift for unit, (points, down) in CENTRES.items()}


def face_window(landmarks: np.ndarray) -> Box:
    """The square that the model looks at: the landmarks with room for the forehead, which has none."""
    low, high = landmarks.min(0), landmarks.max(0)
    side = 1.3 * float((high - low).max())
    centre_x, centre_y = (low + high) / 2
    centre_y -= 0.08 * side
    return (centre_x - side / 2, centre_y - side / 2, centre_x + side / 2, centre_y + side / 2)


def area(box: Box) -> float:
    """Of a box; 0 where its sides are in the wrong order."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    low = max(one[0], other[0]), max(one[1], other[1])
    return area((*low, min(one[2], other[2]), min(one[3], other[3])))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = intersection(one, other)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def covered(box: Box, region: Box) -> float:
    """The share of the region that lies in the box."""
    whole = area(region)
    return intersection(box, region) / whole if whole > 0 else 0.0


class Sight:
    """What a box on one face can show."""

    def __init__(self, landmarks: np.ndarray) -> None:
        self.boxes: Mapping[str, Box] = region_boxes(landmarks)
        self._centres = unit_centres(landmarks)

    def units(self, box: Box, name: str | None = None) -> frozenset[int]:
        """The units that the box can show; name: the region that it is, None for an arbitrary box.

        An arbitrary box shows a unit where a centre of it lies inside, or where it covers MIN_OVERLAP of a part that
        shows the unit.
        """
        if name == FACE:
            return frozenset(UNITS)
        if name is not None:
            return frozenset(UNITS_OF[name])
        inside = {unit for unit, points in self._centres.items() if any(_holds(box, point) for point in points)}
        parts = [part for part in PARTS if covered(box, self.boxes[part]) >= MIN_OVERLAP]
        return frozenset(inside.union(*(UNITS_OF[part] for part in parts)))

    def age(self, box: Box, name: str | None = None) -> bool:
        """Whether the box shows skin that tells of age."""
        if name is not None:
            return name in AGE_PARTS or name in (FACE, "upper_face", "lower_face")
        return any(covered(box, self.boxes[part]) >= MIN_OVERLAP for part in AGE_PARTS)

    def name(self, box: Box) -> str:
        """The region that overlaps the box most; the whole face for a box that holds most parts."""
        if sum(covered(box, self.boxes[part]) >= 0.5 for part in PARTS) >= len(PARTS) - 3:
            return FACE
        return max(UNITS_OF, key=lambda region: overlap(box, self.boxes[region]))


def _holds(box: Box, point: np.ndarray) -> bool:
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])
