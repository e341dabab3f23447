"""Packaged grid: the backbone's map of the whole image."""

import numpy as np

from model.vision.adapters.backbone import Backbone, check_side
from model.vision.image import Image
from model.vision.part import PartInfo


class PackagedGrid:
    """[1280, 10, 10] at the default side of 320 pixels."""

    def __init__(self, backbone: Backbone, *, side: int = 320) -> None:
        self._backbone, self._side = backbone, check_side(side)
        info = backbone.info
        self.info = PartInfo("grid", f"{info.name}-g{side}", dim=info.dim, sha256=info.sha256, licence=info.licence)

    def extract(self, image: Image) -> np.ndarray:
        return self._backbone.whole(image, self._side)
