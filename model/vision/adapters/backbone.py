"""Backbone: a network that turns pixels into a map of vectors, for the whole image or for crops of it."""

from pathlib import Path

import numpy as np

from model.vision.image import Image
from model.vision.onnx_part import OnnxPart
from model.vision.part import InputSpec, PartInfo
from model.vision.resizing import crops, resized

KIND = "backbone"
SHAPES = {"map": (1, "channels", None, None)}
# Sides that the network takes without changing how it pads.
STRIDE = 32
# Crops in one run: few enough to stay in the processor's cache.
CROPS_AT_ONCE = 6


class Backbone:
    """A convolutional network with output `map` [B, C, H / 32, W / 32] for any sides that 32 divides."""

    def __init__(self, manifest_path: Path, *, threads: int = 1) -> None:
        self._network = OnnxPart(manifest_path, KIND, SHAPES, threads=threads, dummy=_smallest)
        self.info: PartInfo = self._network.manifest.info(self._network.dims["channels"])

    def whole(self, image: Image, side: int) -> np.ndarray:
        """[C, side / 32, side / 32] float32 of the image stretched to a square."""
        return self._map(resized(image, (side, side))[None])[0]

    def regions(self, image: Image, boxes: np.ndarray, side: int) -> np.ndarray:
        """[K, C] float32: each box of [K, 4] cut out, stretched to a square, its map averaged."""
        pixels = crops(image, boxes, side)
        vectors = np.empty((len(boxes), self.info.dim), np.float32)
        for start in range(0, len(boxes), CROPS_AT_ONCE):
            some = slice(start, start + CROPS_AT_ONCE)
            vectors[some] = self._map(pixels[some]).mean(axis=(2, 3))
        return vectors

    def _map(self, pixels: np.ndarray) -> np.ndarray:
        spec = self._network.input
        return self._network.run({spec.name: spec.tensor(pixels)})["map"]


def check_side(side: int) -> int:
    """The side itself where the backbone takes it; ValueError elsewhere."""
    if side <= 0 or side % STRIDE:
        raise ValueError(f"expected a side that {STRIDE} divides, got {side}")
    return side


def _smallest(spec: InputSpec) -> dict[str, np.ndarray]:
    return {spec.name: spec.tensor(np.zeros((1, STRIDE, STRIDE, 3), np.uint8))}
