"""Bottom-up regions: a Faster R-CNN trained on Visual Genome, given as an ONNX file."""

from pathlib import Path

import numpy as np

from model.vision.boxes import suppress
from model.vision.image import Image
from model.vision.onnx_part import OnnxPart, Shapes
from model.vision.part import InputSpec, PartError, PartInfo
from model.vision.regions import Regions
from model.vision.resizing import resized

KIND = "bottomup"
SHAPES: Shapes = {
    "rois": ("rois", 4),
    "cls_prob": ("rois", "classes"),
    "pool5": ("rois", "width"),
    "attr_prob": ("rois", "attributes"),
}
COUNT = 36
SAME_THING_IOU = 0.3
# Second input of the network: height, width and scale of the resized image, if it has one of this name.
IMAGE_INFO = "im_info"
_SEPARATOR = "\t"


class BottomUpRegions:
    """The 36 surest boxes after suppression within each class; class 0 and attribute 0 are the background.

    rois are in pixels of the input. The manifest's labels name classes 1 and up, a line `attributes` of its outputs is
    optional; attribute names follow the classes in the labels after an empty line.
    """

    def __init__(self, manifest_path: Path, *, threads: int = 1) -> None:
        self._network = OnnxPart(
            manifest_path,
            KIND,
            SHAPES,
            threads=threads,
            optional=frozenset({"attr_prob"}),
            dummy=lambda spec: feeds(spec, np.zeros((*spec.size, 3), np.uint8)),
        )
        labels = self._network.manifest.labels
        split = labels.index("") if "" in labels else len(labels)
        self._classes, self._attributes = labels[:split], labels[split + 1 :]
        dims = self._network.dims
        _check_names("classes", self._classes, dims["classes"] - 1)
        if "attributes" in dims:
            _check_names("attributes", self._attributes, dims["attributes"] - 1)
        if dims["rois"] < COUNT:
            raise PartError("wrong_shape", f"expected rois [{COUNT} or more, 4], got [{dims['rois']}, 4]")
        self.info: PartInfo = self._network.manifest.info(dims["width"])

    def extract(self, image: Image) -> Regions:
        """36 regions, the surest first; boxes that suppression removed fill up where too few remain."""
        spec = self._network.input
        found = self._network.run(feeds(spec, resized(image, spec.size)))
        height, width = spec.size
        boxes = np.clip(found["rois"] / np.array([width, height, width, height], np.float32), 0, 1)
        chances = found["cls_prob"][:, 1:]
        classes, scores = chances.argmax(axis=1), chances.max(axis=1)
        kept = suppress(boxes, scores, classes, SAME_THING_IOU)
        rest = np.setdiff1d(np.argsort(-scores, kind="stable"), kept, assume_unique=True)
        chosen = np.concatenate([kept, rest])[:COUNT]
        attributes = None
        if "attr_prob" in found:
            best = found["attr_prob"][chosen, 1:].argmax(axis=1)
            attributes = tuple(self._attributes[number] for number in best)
        return Regions(
            boxes=boxes[chosen],
            features=found["pool5"][chosen],
            labels=tuple(self._classes[number] for number in classes[chosen]),
            scores=scores[chosen],
            sources=("detector",) * COUNT,
            attributes=attributes,
        )


def feeds(spec: InputSpec, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What the network is given: the image and its size."""
    height, width = spec.size
    return {spec.name: spec.tensor(pixels[None]), IMAGE_INFO: np.array([[height, width, 1.0]], np.float32)}


def _check_names(what: str, names: tuple[str, ...], expected: int) -> None:
    if len(names) != expected:
        raise PartError("bad_manifest", f"expected {expected} labels for its {what}, got {len(names)}")
