"""Grid: one vector for every cell of an image."""

from typing import Protocol

import numpy as np

from model.vision.image import Image
from model.vision.part import PartInfo


class GridExtractor(Protocol):
    """Image -> [C, H, W] float32, always of the same shape; info.dim is C."""

    info: PartInfo

    def extract(self, image: Image) -> np.ndarray: ...
