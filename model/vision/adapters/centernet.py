"""CenterNet: 80 classes of things found in an image."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.vision.boxes import suppress
from model.vision.image import Image
from model.vision.last_answer import LastAnswer
from model.vision.onnx_part import OnnxPart
from model.vision.part import PartError, PartInfo
from model.vision.resizing import letterboxed

KIND = "detector"
SHAPES = {"detections": (1, None, 6), "heatmap": (1, "side", "side", "classes")}
# Of one class: boxes that share more than this of their union are the same thing.
SAME_THING_IOU = 0.5


@dataclass(frozen=True, eq=False)
class Detections:
    """Things of one image, the surest first.

    boxes: [K, 4] float32 in 0..1. scores: [K] float32. classes: [K] numbers. heatmap: [height, width, classes] float32,
    how sure each place of the image is to be the centre of a thing of each class.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    heatmap: np.ndarray


class CenterNet:
    """A detector of CenterNet's kind: outputs detections (x0 y0 x1 y1 in input pixels, score, class) and heatmap."""

    def __init__(self, manifest_path: Path, *, min_score: float = 0.05, threads: int = 1) -> None:
        self._network = OnnxPart(manifest_path, KIND, SHAPES, threads=threads)
        self.labels = self._network.manifest.labels
        if len(self.labels) != self._network.dims["classes"]:
            expected, got = self._network.dims["classes"], len(self.labels)
            raise PartError("bad_manifest", f"expected {expected} labels, one for each class, got {got}")
        self.info: PartInfo = self._network.manifest.info()
        self._min_score = min_score
        self._last = LastAnswer(self._detect)

    def detect(self, image: Image) -> Detections:
        """What is in the image with at least the minimum score; a class's overlapping boxes are one."""
        return self._last.of(image)

    def _detect(self, image: Image) -> Detections:
        spec = self._network.input
        pixels, (across, down) = letterboxed(image, spec.size)
        outputs = self._network.run({spec.name: spec.tensor(pixels[None])})
        rows, heatmap = outputs["detections"][0], outputs["heatmap"][0]
        width, height = spec.size[1] * across, spec.size[0] * down
        boxes = np.clip(rows[:, :4] / np.array([width, height, width, height], np.float32), 0, 1)
        heatmap = heatmap[: math.ceil(len(heatmap) * down), : math.ceil(len(heatmap) * across)]
        scores, classes = np.clip(rows[:, 4], 0, 1), rows[:, 5].astype(np.int64)
        good = (scores >= self._min_score) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes, scores, classes = boxes[good], scores[good], classes[good]
        kept = suppress(boxes, scores, classes, SAME_THING_IOU)
        return Detections(boxes[kept], scores[kept], classes[kept], heatmap)
