"""Relation table: relations that a scene-graph generator found elsewhere, by image, in a JSON file.

{"image id": [[subject row, object row, "predicate", score], ...], ...}; an image's id is its file's stem.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.vision.features import ImageFeatures, UnknownImageError
from model.vision.part import PartError, PartInfo, read_part
from model.vision.relations import Relations

KIND = "relations-json"


class RelationTable:
    """Raises PartError where the file is not such a table."""

    def __init__(self, manifest_path: Path) -> None:
        manifest, path = read_part(manifest_path, KIND)
        self.info: PartInfo = manifest.info()
        try:
            rows = {
                str(name): [(int(i), str(predicate), int(j), float(score)) for i, j, predicate, score in one]
                for name, one in json.loads(path.read_text()).items()
            }
        except (ValueError, TypeError, AttributeError) as error:
            expected = "expected image id -> [[subject, object, predicate, score]]"
            raise PartError("bad_network", f"{expected} in {path.name}, got {error}") from None
        self.predicates = tuple(sorted({predicate for one in rows.values() for _, predicate, _, _ in one}))
        self._rows = rows

    def space(self, feature_space: str) -> str:
        """The name of a feature space with these relations in place of none."""
        names, version = feature_space.rsplit("/", 1)
        return f"{names}.{self.info.name}/{version}"

    def add(self, name: str, features: ImageFeatures) -> ImageFeatures:
        """The features with this image's relations; UnknownImageError where the table has no such image.

        Raises ValueError where a row speaks of a region that the image does not have.
        """
        if name not in self._rows:
            raise UnknownImageError(name)
        count = len(features.regions.labels) if features.regions is not None else 0
        rows = sorted(self._rows[name], key=lambda row: -row[3])
        for subject, _, other, _ in rows:
            if not (0 <= subject < count and 0 <= other < count):
                raise ValueError(
                    f"expected regions 0 to {count - 1} in the relations of {name}, got {subject}, {other}"
                )
        number = {predicate: index for index, predicate in enumerate(self.predicates)}
        triples = [(subject, number[predicate], other) for subject, predicate, other, _ in rows]
        relations = Relations(
            np.array(triples, np.int16).reshape(-1, 3), np.array([row[3] for row in rows], np.float32), self.predicates
        )
        return replace(
            features,
            relations=relations,
            feature_space=self.space(features.feature_space),
            parts={**features.parts, "relations": self.info.name},
        )
