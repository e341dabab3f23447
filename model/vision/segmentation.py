"""Segmentation: which class each place of an image belongs to."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.vision.image import Image
from model.vision.part import PartInfo

CLASSES = 133
STUFF_CLASSES = 53
# The id of a place that belongs to no class.
NO_CLASS = CLASSES
SEMANTIC_SIDE = 7
MAP_SIDE = 64


@dataclass(frozen=True, eq=False)
class SegmentMap:
    """COCO's 133 panoptic classes in UPSNet's order: 53 of stuff (0 to 52), then 80 of things (53 to 132).

    semantic: [133, 7, 7] float32, how much of each class there is in a cell. ids: [64, 64] int16, NO_CLASS for none.
    present: [133] float32, 1 for a class that is in the image. has_stuff: whether the part can tell stuff at all; where
    it cannot, the first 53 channels are 0 because nobody looked, and the feature space says so.
    """

    semantic: np.ndarray
    ids: np.ndarray
    present: np.ndarray
    has_stuff: bool

    def __post_init__(self) -> None:
        found = (self.semantic.shape, self.ids.shape, self.present.shape)
        expected = ((CLASSES, SEMANTIC_SIDE, SEMANTIC_SIDE), (MAP_SIDE, MAP_SIDE), (CLASSES,))
        if found != expected:
            raise ValueError(f"expected shapes {expected} for semantic, ids and present, got {found}")


class Segmenter(Protocol):
    """Image -> SegmentMap."""

    info: PartInfo

    def segment(self, image: Image) -> SegmentMap: ...
