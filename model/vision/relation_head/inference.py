"""Inference: the relation head in NumPy, on all ordered pairs of an image's regions."""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from model.vision.part import PartError, PartInfo, read_part
from model.vision.regions import Regions
from model.vision.relation_head.geometry import WIDTH as GEOMETRY_WIDTH
from model.vision.relation_head.geometry import pair_geometry
from model.vision.relations import Relations

KIND = "relation-head"
COUNT = 25


class RelationHeadPart:
    """Scores pairs by the scores of both regions times the probability of their best predicate; keeps the 25 best.

    Grid cells take no part: they are places, not things. Regions with a label that the head was not made for raise
    ValueError.
    """

    def __init__(self, manifest_path: Path, *, count: int = COUNT) -> None:
        manifest, path = read_part(manifest_path, KIND)
        self.info: PartInfo = manifest.info()
        self._count = count
        try:
            with safe_open(path, framework="np") as file:
                names = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            labels: list[str] = json.loads(names["labels"])
            self.predicates: tuple[str, ...] = tuple(json.loads(names["predicates"]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise PartError("bad_network", f"expected a relation head in {path.name}, got {error}") from None
        self._row = {name: row for row, name in enumerate(labels)}
        depth = sum(name.endswith(".weight") for name in arrays)
        self._layers = [(arrays[f"{number}.weight"], arrays[f"{number}.bias"]) for number in range(depth)]
        self._split_first_layer(arrays["words"], len(labels))
        self._check()

    def relate(self, regions: Regions) -> Relations:
        """The surest statements about pairs of different regions, one predicate a pair."""
        if regions.boxes is None:
            raise ValueError("expected regions with boxes, got none")
        things = np.flatnonzero([source != "grid" for source in regions.sources])
        if len(things) < 2:
            return Relations(np.zeros((0, 3), np.int16), np.zeros(0, np.float32), self.predicates)
        subjects, objects = (axis.reshape(-1) for axis in np.meshgrid(things, things, indexing="ij"))
        differ = subjects != objects
        subjects, objects = subjects[differ], objects[differ]
        words = np.array([self._word(label) for label in regions.labels])
        boxes = regions.boxes.astype(np.float64)
        chances = self.probabilities(boxes[subjects], boxes[objects], words[subjects], words[objects])
        best = chances.argmax(axis=1)
        scores = regions.scores[subjects] * regions.scores[objects] * chances[np.arange(len(best)), best]
        kept = np.argsort(-scores, kind="stable")[: self._count]
        triples = np.stack([subjects[kept], best[kept], objects[kept]], axis=1).astype(np.int16)
        return Relations(triples, scores[kept].astype(np.float32), self.predicates)

    def probabilities(
        self, subject_boxes: np.ndarray, object_boxes: np.ndarray, subject_words: np.ndarray, object_words: np.ndarray
    ) -> np.ndarray:
        """[R, 4], [R, 4] boxes and [R], [R] rows of labels -> [R, predicates]."""
        geometry = pair_geometry(subject_boxes, object_boxes)
        hidden = geometry @ self._geometry.T + self._of_subject[subject_words] + self._of_object[object_words]
        for weight, bias in self._layers[1:]:
            hidden = np.maximum(hidden, 0) @ weight.T + bias
        powers = np.exp(hidden - hidden.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _word(self, label: str) -> int:
        if label not in self._row:
            raise ValueError(f"expected a label that {self.info.name} was made for, got {label!r}")
        return self._row[label]

    def _split_first_layer(self, words: np.ndarray, labels: int) -> None:
        """Names are few and known: what the first layer makes of them is added up once, not for every pair."""
        weight, bias = self._layers[0]
        expected = (labels, (weight.shape[1] - GEOMETRY_WIDTH) // 2)
        if words.shape != expected:
            raise PartError("wrong_shape", f"expected words as {list(expected)}, got {list(words.shape)}")
        last = self._layers[-1][1].shape
        if last != (len(self.predicates),):
            raise PartError("wrong_shape", f"expected scores as [{len(self.predicates)}], got {list(last)}")
        end = GEOMETRY_WIDTH + words.shape[1]
        self._geometry = np.ascontiguousarray(weight[:, :GEOMETRY_WIDTH])
        self._of_subject = words @ weight[:, GEOMETRY_WIDTH:end].T + bias
        self._of_object = words @ weight[:, end:].T

    def _check(self) -> None:
        box, word = np.array([[0.0, 0.0, 1.0, 1.0]]), np.zeros(1, np.int64)
        try:
            chances = self.probabilities(box, box, word, word)
        except ValueError as error:
            raise PartError("wrong_shape", f"expected layers that follow one another, got {error}") from None
        if not np.isfinite(chances).all():
            raise PartError("bad_network", "expected finite probabilities, got others")
