"""Data: VRD's human-labelled triplets as rows for the relation head."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from model.vision.relation_head.geometry import pair_geometry

FILE = "relations.parquet"


@dataclass(frozen=True, eq=False)
class Triplets:
    """R labelled pairs of boxes.

    geometry: [R, 15]. subjects, objects, predicates: [R] numbers in the vocabulary. images: [R] number of the image.
    pairs: [R] number of the (image, subject box, object box) that the row speaks of; a pair can have several rows.
    """

    geometry: np.ndarray
    subjects: np.ndarray
    objects: np.ndarray
    predicates: np.ndarray
    images: np.ndarray
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.predicates)


@dataclass(frozen=True)
class Vocabulary:
    """Names that the numbers stand for, sorted."""

    classes: tuple[str, ...]
    predicates: tuple[str, ...]


@dataclass(frozen=True)
class RelationData:
    """VRD split by image: training and validation out of its official training images, test its official test."""

    vocabulary: Vocabulary
    train: Triplets
    validation: Triplets
    test: Triplets


def load_vrd(folder: Path, validation_share: float, seed: int) -> RelationData:
    """Read the triplets of data set `vrd`; raises ValueError where there are none."""
    table = pl.read_parquet(folder / FILE).filter(pl.col("dataset") == "vrd")
    if table.is_empty():
        raise ValueError(f"expected triplets of vrd in {folder / FILE}, got none")
    classes = tuple(sorted(set(table["subject"]) | set(table["object"])))
    vocabulary = Vocabulary(classes, tuple(sorted(set(table["predicate"]))))
    official = table.filter(pl.col("official_split") == "train")
    images = np.array(sorted(set(official["image"])))
    chosen = np.random.default_rng(seed).permutation(len(images))[: round(len(images) * validation_share)]
    in_validation = pl.col("image").is_in(images[chosen].tolist())
    return RelationData(
        vocabulary,
        train=_triplets(official.filter(~in_validation), vocabulary),
        validation=_triplets(official.filter(in_validation), vocabulary),
        test=_triplets(table.filter(pl.col("official_split") == "test"), vocabulary),
    )


def _triplets(table: pl.DataFrame, vocabulary: Vocabulary) -> Triplets:
    size = _sizes(table)
    subjects = np.array(table["subject_box"].to_list(), np.float64).reshape(-1, 4) / size
    objects = np.array(table["object_box"].to_list(), np.float64).reshape(-1, 4) / size
    class_number = {name: number for number, name in enumerate(vocabulary.classes)}
    predicate_number = {name: number for number, name in enumerate(vocabulary.predicates)}
    pairs = table.select("image", "subject_box", "object_box", "subject", "object").map_rows(str)
    return Triplets(
        geometry=pair_geometry(subjects, objects),
        subjects=np.array([class_number[name] for name in table["subject"]], np.int64),
        objects=np.array([class_number[name] for name in table["object"]], np.int64),
        predicates=np.array([predicate_number[name] for name in table["predicate"]], np.int64),
        images=_numbers(table["image"].to_list()),
        pairs=_numbers(pairs.to_series().to_list()),
    )


def _sizes(table: pl.DataFrame) -> np.ndarray:
    size = table.select("width", "height").to_numpy()
    return np.concatenate([size, size], axis=1)


def _numbers(keys: list[str]) -> np.ndarray:
    return np.unique(np.array(keys, dtype=str), return_inverse=True)[1].reshape(-1) if keys else np.zeros(0, np.int64)
