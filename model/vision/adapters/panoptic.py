"""Panoptic segments: a network with COCO's 133 classes, given as an ONNX file, in Mask2Former's or UPSNet's form."""

from pathlib import Path

import numpy as np

from model.vision.image import Image
from model.vision.labels import PANOPTIC133
from model.vision.onnx_part import OnnxPart, Shapes
from model.vision.part import PartError, PartInfo, read_manifest
from model.vision.resizing import resized
from model.vision.segmentation import CLASSES, MAP_SIDE, NO_CLASS, SEMANTIC_SIDE, SegmentMap

KIND = "panoptic"
# Queries with a class for each and a mask for each; the last class is "nothing".
QUERIES: Shapes = {"class_logits": (1, "queries", CLASSES + 1), "mask_logits": (1, "queries", None, None)}
# Scores of each class for each place, and which class was decided on there.
MAPS: Shapes = {"fcn_score": (1, CLASSES, None, None), "panoptic": (1, None, None)}
# A class counts as present where it has at least this share of the map's cells.
MIN_SHARE = 0.01


class PanopticSegments:
    """The manifest's outputs say which form it is; its labels name the 133 classes in the network's order.

    Names are those of COCO panoptic. The classes are put into UPSNet's order, whatever the network's is.
    """

    def __init__(self, manifest_path: Path, *, threads: int = 1) -> None:
        outputs = set(read_manifest(manifest_path).outputs)
        shapes = {frozenset(QUERIES): QUERIES, frozenset(MAPS): MAPS}.get(frozenset(outputs))
        if shapes is None:
            expected = f"{sorted(QUERIES)} or {sorted(MAPS)}"
            raise PartError(
                "bad_manifest", f"expected the roles {expected} in {manifest_path.name}, got {sorted(outputs)}"
            )
        self._network = OnnxPart(manifest_path, KIND, shapes, threads=threads)
        self._order = class_order(self._network.manifest.labels)
        info = self._network.manifest.info()
        self.info = PartInfo(
            KIND, info.name, info.version, label_space="coco-panoptic133", sha256=info.sha256, licence=info.licence
        )

    def segment(self, image: Image) -> SegmentMap:
        """Class scores pooled to 7 x 7, the decided class at 64 x 64, and which classes are there."""
        spec = self._network.input
        found = self._network.run({spec.name: spec.tensor(resized(image, spec.size)[None])})
        if "class_logits" in found:
            scores = class_maps(found["class_logits"][0], found["mask_logits"][0])[self._order]
            ids = _nearest(np.where(scores.max(axis=0) > 0.5, scores.argmax(axis=0), NO_CLASS))
        else:
            scores = softmax(found["fcn_score"][0], axis=0)[self._order]
            ids = self._renumbered(_nearest(found["panoptic"][0]))
        counts = np.bincount(ids[ids < CLASSES].astype(np.int64), minlength=CLASSES)
        present = (counts >= MIN_SHARE * ids.size).astype(np.float32)
        return SegmentMap(pooled(scores, SEMANTIC_SIDE), ids.astype(np.int16), present, has_stuff=True)

    def _renumbered(self, ids: np.ndarray) -> np.ndarray:
        """The network's numbers -> UPSNet's; whatever is no class -> NO_CLASS."""
        numbers = np.full(CLASSES + 1, NO_CLASS)
        numbers[self._order] = np.arange(CLASSES)
        return numbers[np.where((ids >= 0) & (ids < CLASSES), ids, CLASSES).astype(np.int64)]


def class_order(labels: tuple[str, ...]) -> np.ndarray:
    """[133]: where the network has each class of UPSNet's order. PartError where the names are not COCO panoptic's."""
    if sorted(labels) != sorted(PANOPTIC133):
        unknown, lacking = sorted(set(labels) - set(PANOPTIC133)), sorted(set(PANOPTIC133) - set(labels))
        raise PartError("bad_manifest", f"expected COCO's 133 classes as labels, unknown {unknown}, missing {lacking}")
    return np.array([labels.index(name) for name in PANOPTIC133])


def class_maps(class_logits: np.ndarray, mask_logits: np.ndarray) -> np.ndarray:
    """Mask2Former's semantic inference: [Q, 134], [Q, h, w] -> [133, h, w], sum over queries of class times mask."""
    chances = softmax(class_logits, axis=1)[:, :CLASSES]
    masks = 1 / (1 + np.exp(-mask_logits.astype(np.float64)))
    return np.einsum("qc,qhw->chw", chances, masks).clip(0, 1).astype(np.float32)


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    """Shares that add up to 1 along an axis."""
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def pooled(scores: np.ndarray, side: int) -> np.ndarray:
    """[C, h, w] -> [C, side, side] float32: means over adaptive cells, as torch's adaptive_avg_pool2d forms them."""
    for axis in (1, 2):
        size = scores.shape[axis]
        starts, ends = np.arange(side) * size // side, -(-np.arange(1, side + 1) * size // side)
        cells = [scores.take(range(start, end), axis).mean(axis) for start, end in zip(starts, ends, strict=True)]
        scores = np.stack(cells, axis=axis)
    return scores.astype(np.float32)


def _nearest(ids: np.ndarray) -> np.ndarray:
    height, width = ids.shape
    centres = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    return ids[np.ix_((centres * height).astype(int), (centres * width).astype(int))]
