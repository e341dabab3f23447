"""ImageInputs: everything a matcher may read of one image; the one schema of all architectures and of serving."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.vision.features import ImageFeatures

AXES = {
    "regions": 2,
    "boxes": 2,
    "scores": 1,
    "relations": 2,
    "relation_scores": 1,
    "grid": 3,
    "seg_sem": 3,
    "seg_map": 2,
    "seg_cat": 1,
    "pixels": 3,
}


@dataclass(frozen=True)
class ImageInputs:
    """One image as the vision front end sees it. What was not extracted is None, never zeros in its place.

    feature_space: which extractors made it; a matcher takes its own space only.
    N regions, C grid channels, R relations.
    regions: float32 [N, F]. boxes: float32 [N, 4], x0 y0 x1 y1 in 0..1 of the image. scores: float32 [N].
    labels: N words. relations: int [R, 3], rows (subject region, predicate, object region); relation_scores: [R].
    grid: float32 [C, H, W]. seg_sem: float32 [classes, h, w]. seg_map: int [m, m], the class of each cell, `classes`
    where there is none. seg_cat: float32 [classes], 1 for a class in the image. pixels: uint8 [H, W, 3], decoded RGB,
    for embedders that see the picture itself.
    """

    feature_space: str
    regions: np.ndarray | None = None
    boxes: np.ndarray | None = None
    scores: np.ndarray | None = None
    labels: tuple[str, ...] | None = None
    relations: np.ndarray | None = None
    relation_scores: np.ndarray | None = None
    grid: np.ndarray | None = None
    seg_sem: np.ndarray | None = None
    seg_map: np.ndarray | None = None
    seg_cat: np.ndarray | None = None
    pixels: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, axes in AXES.items():
            array = getattr(self, name)
            if array is not None and array.ndim != axes:
                raise ValueError(f"expected {name} with {axes} axes, got shape {list(array.shape)}")
        lengths = {
            name: len(value)
            for name in ("regions", "boxes", "scores", "labels")
            if (value := getattr(self, name)) is not None
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(f"expected one length of all that is told of regions, got {lengths}")
        self._check_relations(next(iter(lengths.values()), 0))

    def _check_relations(self, num_regions: int) -> None:
        if (self.relations is None) != (self.relation_scores is None):
            raise ValueError("expected relations and relation_scores together, got one of them")
        if self.relations is None or self.relation_scores is None:
            return
        if self.relations.shape != (len(self.relation_scores), 3):
            expected, got = [len(self.relation_scores), 3], list(self.relations.shape)
            raise ValueError(f"expected relations of shape {expected}, one score each, got {got}")
        ends = self.relations[:, [0, 2]]
        if len(ends) and not 0 <= ends.min() <= ends.max() < num_regions:
            raise ValueError(f"expected relations between regions 0..{num_regions - 1}, got {ends.min()}..{ends.max()}")

    def has(self, field: str) -> bool:
        """The presence flag of a field."""
        return getattr(self, field) is not None

    @classmethod
    def from_features(cls, features: ImageFeatures) -> "ImageInputs":
        """What the vision front end found, in the names of this schema."""
        regions, segments, relations = features.regions, features.segments, features.relations
        return cls(
            features.feature_space,
            regions=None if regions is None else regions.features,
            boxes=None if regions is None else regions.boxes,
            scores=None if regions is None else regions.scores,
            labels=None if regions is None else regions.labels,
            relations=None if relations is None else relations.triples,
            relation_scores=None if relations is None else relations.scores,
            grid=features.grid,
            seg_sem=None if segments is None else segments.semantic,
            seg_map=None if segments is None else segments.ids,
            seg_cat=None if segments is None else segments.present,
        )


def check_feature_space(images: Sequence[ImageInputs], expected: str) -> None:
    """Raise ValueError where an image comes from another feature space than the model was trained on."""
    others = sorted({image.feature_space for image in images} - {expected})
    if others:
        raise ValueError(f"expected images of feature space {expected!r}, got {others}")
