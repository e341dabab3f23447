"""Record: the features of one image as one safetensors file.

Tensors: regions.features [36, D] float16, regions.boxes [36, 4], regions.scores [36], grid [C, H, W] float16,
seg_sem [133, 7, 7] float16, seg_map [64, 64] int16, seg_cat [133] uint8, relations [R, 3] int16 and relations.scores
[R]; a role that the front end lacks is absent. Strings and the feature space are JSON in the file's metadata.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

from model.vision.features import ImageFeatures
from model.vision.regions import Regions
from model.vision.relations import Relations
from model.vision.segmentation import SegmentMap
from model.vision.text import TextLine

SCHEMA = "1"


def record_bytes(features: ImageFeatures) -> bytes:
    """One image's record; vectors keep 3 digits. Raises ValueError for what float16 has no number for."""
    tensors: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {
        "feature_space": features.feature_space,
        "sha256": features.sha256,
        "parts": dict(features.parts),
        "image_size": list(features.image_size),
    }
    if (regions := features.regions) is not None:
        tensors["regions.features"] = _half(regions.features)
        if regions.boxes is not None:
            tensors["regions.boxes"] = regions.boxes.astype(np.float32)
        tensors["regions.scores"] = regions.scores.astype(np.float32)
        facts["regions"] = {"labels": regions.labels, "sources": regions.sources, "attributes": regions.attributes}
    if features.grid is not None:
        tensors["grid"] = _half(features.grid)
    if (segments := features.segments) is not None:
        tensors["seg_sem"] = _half(segments.semantic)
        tensors["seg_map"] = segments.ids.astype(np.int16)
        tensors["seg_cat"] = segments.present.astype(np.uint8)
        facts["has_stuff"] = segments.has_stuff
    if (relations := features.relations) is not None:
        tensors["relations"] = relations.triples.astype(np.int16)
        tensors["relations.scores"] = relations.scores.astype(np.float32)
        facts["predicates"] = relations.predicates
    if features.texts is not None:
        facts["texts"] = [[line.text, line.score, line.quad] for line in features.texts]
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ValueError(f"expected finite numbers that float16 can hold in {name}, got others")
    metadata = {"schema": SCHEMA, "facts": json.dumps(facts)}
    return save({name: np.ascontiguousarray(one) for name, one in tensors.items()}, metadata)


def features_of(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> ImageFeatures:
    """A record's features, vectors as float32; ValueError where it is none."""
    if metadata.get("schema") != SCHEMA:
        raise ValueError(f"expected a record of schema {SCHEMA}, got {metadata.get('schema')}")
    facts = json.loads(metadata["facts"])
    regions = segments = relations = texts = None
    if "regions.features" in tensors:
        names = facts["regions"]
        attributes = names["attributes"]
        regions = Regions(
            boxes=np.asarray(tensors["regions.boxes"], np.float32) if "regions.boxes" in tensors else None,
            features=np.asarray(tensors["regions.features"], np.float32),
            labels=tuple(names["labels"]),
            scores=np.asarray(tensors["regions.scores"], np.float32),
            sources=tuple(names["sources"]),
            attributes=None if attributes is None else tuple(attributes),
        )
    if "seg_sem" in tensors:
        segments = SegmentMap(
            semantic=np.asarray(tensors["seg_sem"], np.float32),
            ids=np.asarray(tensors["seg_map"]),
            present=np.asarray(tensors["seg_cat"], np.float32),
            has_stuff=bool(facts["has_stuff"]),
        )
    if "relations" in tensors:
        relations = Relations(
            np.asarray(tensors["relations"]), np.asarray(tensors["relations.scores"]), tuple(facts["predicates"])
        )
    if "texts" in facts:
        texts = tuple(
            TextLine(text, score, (tuple(quad[0]), tuple(quad[1]), tuple(quad[2]), tuple(quad[3])))
            for text, score, quad in facts["texts"]
        )
    return ImageFeatures(
        sha256=facts["sha256"],
        feature_space=facts["feature_space"],
        parts=facts["parts"],
        regions=regions,
        grid=np.asarray(tensors["grid"], np.float32) if "grid" in tensors else None,
        segments=segments,
        relations=relations,
        texts=texts,
        image_size=(int(facts["image_size"][0]), int(facts["image_size"][1])),
    )


def _half(values: np.ndarray) -> np.ndarray:
    # What does not fit becomes infinite and is refused with its name.
    with np.errstate(over="ignore"):
        return values.astype(np.float16)
