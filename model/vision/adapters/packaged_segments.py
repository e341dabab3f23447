"""Packaged segments: a segmentation map of things alone, painted from boxes, people cut out by their mask."""

import numpy as np

from model.vision.adapters.centernet import CenterNet, Detections
from model.vision.adapters.person_mask import PersonMask
from model.vision.boxes import areas
from model.vision.image import Image
from model.vision.labels import COCO80
from model.vision.part import PartError, PartInfo, combined_sha256
from model.vision.segmentation import CLASSES, MAP_SIDE, NO_CLASS, SEMANTIC_SIDE, STUFF_CLASSES, SegmentMap

# A box that is at least this sure is painted and counts as present.
MIN_SCORE = 0.3
PERSON = COCO80.index("person")
_IS_PERSON = 0.5


class PackagedSegments:
    """Things of the detector; the 53 channels of stuff stay 0, and has_stuff says that nobody looked for it."""

    def __init__(self, detector: CenterNet, mask: PersonMask | None) -> None:
        if detector.labels != COCO80:
            raise PartError("bad_manifest", "expected a detector with COCO's 80 labels in their order")
        self._detector, self._mask = detector, mask
        infos = [detector.info] if mask is None else [detector.info, mask.info]
        name = "+".join(["boxes", *(info.name for info in infos[1:])])
        self.info = PartInfo("segments", name, label_space="coco80", sha256=combined_sha256(*infos))

    def segment(self, image: Image) -> SegmentMap:
        """Large boxes first, smaller ones over them."""
        found = self._detector.detect(image)
        sure = found.scores >= MIN_SCORE
        people = None
        if self._mask is not None and (found.classes[sure] == PERSON).any():
            people = _sampled(self._mask.probability(image)) >= _IS_PERSON
        semantic = np.zeros((CLASSES, SEMANTIC_SIDE, SEMANTIC_SIDE), np.float32)
        semantic[STUFF_CLASSES:] = cell_maxima(found.heatmap, SEMANTIC_SIDE)
        present = np.zeros(CLASSES, np.float32)
        present[STUFF_CLASSES + found.classes[sure]] = 1
        return SegmentMap(semantic, painted(found, sure, people), present, has_stuff=False)


def painted(found: Detections, sure: np.ndarray, people: np.ndarray | None) -> np.ndarray:
    """[64, 64] int16: the class of the smallest sure box over a cell's centre; people: [64, 64], where persons are."""
    centres = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    ids = np.full((MAP_SIDE, MAP_SIDE), NO_CLASS, np.int16)
    rows = np.flatnonzero(sure)
    for row in rows[np.argsort(-areas(found.boxes[rows]), kind="stable")]:
        x0, y0, x1, y1 = found.boxes[row]
        inside = ((centres >= y0) & (centres <= y1))[:, None] & ((centres >= x0) & (centres <= x1))[None, :]
        if found.classes[row] == PERSON and people is not None:
            inside &= people
        ids[inside] = STUFF_CLASSES + found.classes[row]
    return ids


def cell_maxima(heatmap: np.ndarray, side: int) -> np.ndarray:
    """[H, W, C] -> [C, side, side]: the largest value of each cell, cells as even as they can be.

    Of a heatmap smaller than that, places are repeated.
    """
    height, width = (max(size, side) for size in heatmap.shape[:2])
    heatmap = heatmap[
        np.ix_(*(np.arange(new) * old // new for new, old in zip((height, width), heatmap.shape[:2], strict=True)))
    ]
    rows = np.maximum.reduceat(heatmap, _starts(height, side), axis=0)
    return np.maximum.reduceat(rows, _starts(width, side), axis=1).transpose(2, 0, 1)


def _starts(size: int, cells: int) -> np.ndarray:
    return (np.arange(cells) * size + cells - 1) // cells


def _sampled(mask: np.ndarray) -> np.ndarray:
    """[H, W] -> [64, 64], the value at each cell's centre."""
    height, width = mask.shape
    centres = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    return mask[np.ix_((centres * height).astype(int), (centres * width).astype(int))]
