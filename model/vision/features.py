"""Features: all that the front end knows of one image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.vision.regions import Regions
from model.vision.relations import Relations
from model.vision.segmentation import SegmentMap
from model.vision.text import TextLine

FEATURE_SPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}/v[0-9]{1,4}")


class FeatureSpaceError(ValueError):
    """Features of one space met something that was made for another."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected features of the space {expected}, got {got}")
        self.expected, self.got = expected, got


class UnknownImageError(LookupError):
    """Features or relations made elsewhere do not speak of this image."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What was found in the image with this sha256; None where the front end has no part for it.

    feature_space: numbers can be compared within one space alone. parts: role -> name of the part that filled it.
    grid: [C, H, W] float32. texts: lines read off the image. image_size: width and height.
    """

    sha256: str
    feature_space: str
    parts: Mapping[str, str]
    regions: Regions | None = None
    grid: np.ndarray | None = None
    segments: SegmentMap | None = None
    relations: Relations | None = None
    texts: tuple[TextLine, ...] | None = None
    image_size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        check_feature_space(self.feature_space)
        if self.grid is not None and self.grid.ndim != 3:
            raise ValueError(f"expected a grid [C, H, W], got {self.grid.shape}")


def check_feature_space(name: str) -> str:
    """The name itself, where it is one: words and a version, such as effnet-lite0-r36-112/v1."""
    if not FEATURE_SPACE.fullmatch(name):
        raise ValueError(f"expected a feature space such as effnet-lite0-r36-112/v1, got {name!r:.200}")
    return name
