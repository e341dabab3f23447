"""Person mask: which pixels belong to people."""

from pathlib import Path

import numpy as np

from model.vision.image import Image
from model.vision.onnx_part import OnnxPart
from model.vision.part import PartInfo
from model.vision.resizing import resized

KIND = "person-mask"
SHAPES = {"person": (1, "height", "width", 1)}


class PersonMask:
    """A network with output `person` [1, H, W, 1]: the probability of a person, of its input's size."""

    def __init__(self, manifest_path: Path, *, threads: int = 1) -> None:
        self._network = OnnxPart(manifest_path, KIND, SHAPES, threads=threads)
        self.info: PartInfo = self._network.manifest.info()

    def probability(self, image: Image) -> np.ndarray:
        """[H, W] float32 in 0..1."""
        spec = self._network.input
        return self._network.run({spec.name: spec.tensor(resized(image, spec.size)[None])})["person"][0, :, :, 0]
