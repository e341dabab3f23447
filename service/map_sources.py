"""MapSource: what can be laid out on the map - the items of the recommender, or the covers of the artwork release."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from model.artwork.cover import STYLE
from model.artwork.segment import Segment
from model.catalogue import Catalogue
from service.releases import ServedRelease

Space = Literal["item_vectors", "cover_embeddings"]


@dataclass(frozen=True)
class Entry:
    """What lies on the map. artist: where it is known beside the attributes."""

    item_id: str
    title: str | None
    artist: str | None = None


class MapSource(Protocol):
    """What is laid out: entries of a release, the most telling first, with vectors in which near is alike."""

    @property
    def release_id(self) -> str:
        """Of the release that the vectors belong to."""

    @property
    def space(self) -> Space:
        """What the vectors are of."""

    def vectors(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Vectors [M, D] of at most `most` entries, and their catalogue rows [M]."""

    def entry(self, row: int) -> Entry:
        """What is told of one."""

    def values(self, row: int) -> list[tuple[str, str]]:
        """The attribute values of one that may name a region."""


@dataclass(frozen=True)
class RecommenderItems:
    """The items of the recommender by their vectors: near on the map is near in taste."""

    served: ServedRelease
    space: Space = "item_vectors"

    @property
    def release_id(self) -> str:
        """Of the recommender."""
        return self.served.release_id

    def vectors(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Those of the most popular items."""
        retriever = self.served.retriever
        rows = np.argsort(-retriever.popularity, kind="stable")[:most]
        return np.asarray(retriever.vectors)[rows], rows

    def entry(self, row: int) -> Entry:
        """Without an artist: a catalogue of items knows artists as attributes."""
        return Entry(self.served.catalogue.item_ids[row], self.served.catalogue.titles[row])

    def values(self, row: int) -> list[tuple[str, str]]:
        """All that are known."""
        return _values(self.served.catalogue, row)


@dataclass(frozen=True)
class ReleaseCovers:
    """The covers of an artwork release by their embeddings: near on the map looks alike.

    Covers added since are on it with the next release, so that every process answers with the same map.
    """

    release_id: str
    covers: Segment
    space: Space = "cover_embeddings"

    def vectors(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """One cover for each picture, in the order of the pictures' hashes.

        Covers have no popularity; the first by hash are an even sample, and mostly the same one in the next release.
        """
        first: dict[str, int] = {}
        for row, picture in enumerate(self.covers.picture):
            first.setdefault(picture, row)
        rows = np.array([first[picture] for picture in sorted(first)[:most]], dtype=np.int64)
        return np.asarray(self.covers.vectors)[rows], rows

    def entry(self, row: int) -> Entry:
        """Under its artwork_id."""
        return Entry(self.covers.catalogue.item_ids[row], self.covers.catalogue.titles[row], self.covers.artists[row])

    def values(self, row: int) -> list[tuple[str, str]]:
        """All but the style: its names are hashes, which tell a reader nothing."""
        return [pair for pair in _values(self.covers.catalogue, row) if pair[0] != STYLE]


def _values(catalogue: Catalogue, row: int) -> list[tuple[str, str]]:
    return [(name, value) for name, own in catalogue.describe(row).items() for value in own]
