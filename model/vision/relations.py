"""Relations: what the regions of an image have to do with one another."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.vision.part import PartInfo
from model.vision.regions import Regions


@dataclass(frozen=True, eq=False)
class Relations:
    """R statements "subject predicate object" about the regions of one image, the surest first.

    triples: [R, 3] int16: row of the subject, number of the predicate, row of the object. scores: [R] float32 in 0..1.
    predicates: the names that the numbers stand for.
    """

    triples: np.ndarray
    scores: np.ndarray
    predicates: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.triples.ndim != 2 or self.triples.shape[1] != 3 or self.scores.shape != self.triples.shape[:1]:
            raise ValueError(
                f"expected triples [R, 3] and scores [R], got {self.triples.shape} and {self.scores.shape}"
            )
        numbers = self.triples[:, 1]
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self.predicates):
            raise ValueError(f"expected predicates of 0 to {len(self.predicates) - 1}, got {int(numbers.max())}")

    def words(self, labels: tuple[str, ...]) -> list[str]:
        """ "man on horse", with the regions' labels as the nouns."""
        return [
            f"{labels[subject]} {self.predicates[number]} {labels[other]}" for subject, number, other in self.triples
        ]


class RelationPredictor(Protocol):
    """Regions -> Relations between them."""

    info: PartInfo

    def relate(self, regions: Regions) -> Relations: ...
