"""Regions: the places of an image that are worth a vector of their own."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.vision.image import Image
from model.vision.part import PartInfo

# Where a box can come from.
SOURCES = ("detector", "grid", "face", "text")


@dataclass(frozen=True, eq=False)
class Regions:
    """K places of one image.

    boxes: [K, 4] float32, x0 y0 x1 y1 as shares of width and height; None where precomputed vectors came without.
    features: [K, D] float32. scores: [K] float32 in 0..1, 0 for a grid cell. labels, sources: K strings each;
    attributes likewise, None where the part knows none.
    """

    boxes: np.ndarray | None
    features: np.ndarray
    labels: tuple[str, ...]
    scores: np.ndarray
    sources: tuple[str, ...]
    attributes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.boxes is not None and self.boxes.shape != (count, 4):
            raise ValueError(f"expected boxes [{count}, 4], got {list(self.boxes.shape)}")
        if self.features.ndim != 2 or len(self.features) != count:
            raise ValueError(f"expected features [{count}, D], got {list(self.features.shape)}")
        if self.scores.shape != (count,) or len(self.sources) != count:
            raise ValueError(
                f"expected {count} scores and sources, got {self.scores.shape} scores, {len(self.sources)} sources"
            )
        if self.attributes is not None and len(self.attributes) != count:
            raise ValueError(f"expected {count} attributes, got {len(self.attributes)}")
        unknown = set(self.sources) - set(SOURCES)
        if unknown:
            raise ValueError(f"expected sources of {SOURCES}, got {sorted(unknown)}")


class RegionExtractor(Protocol):
    """Image -> Regions; info.dim is D."""

    info: PartInfo

    def extract(self, image: Image) -> Regions: ...
