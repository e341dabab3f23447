"""Styles: covers that look alike get one name, so that "covers like this" is a value of an attribute."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

ITERATIONS = 20
SEED = 0
COVERS_PER_STYLE = 20


@dataclass(frozen=True)
class Styles:
    """centroids: float32 [S, d], norm 1.

    A style's name holds a hash of all centroids: where they are others, its name is unknown rather than misunderstood.
    """

    centroids: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, number: int | None = None) -> "Styles":
        """Spherical k-means over covers [V, d]; seeded, on one thread. number: about one for 20 covers, at most 256."""
        # FAISS brings a thread pool of its own.
        faiss.omp_set_num_threads(1)
        wanted = min(256, max(1, len(vectors) // COVERS_PER_STYLE)) if number is None else number
        means = faiss.Kmeans(
            vectors.shape[1],
            min(wanted, len(vectors)),
            niter=ITERATIONS,
            spherical=True,
            seed=SEED,
            min_points_per_centroid=1,
        )
        means.train(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(np.asarray(means.centroids, dtype=np.float32))

    def names(self, vectors: np.ndarray) -> list[str]:
        """The style of each vector [V, d]: that of the largest inner product."""
        return [f"{self.family}-{number:03d}" for number in (vectors @ self.centroids.T).argmax(axis=1).tolist()]

    @cached_property
    def family(self) -> str:
        """What the names of all these styles begin with."""
        return hashlib.sha256(np.ascontiguousarray(self.centroids).tobytes()).hexdigest()[:6]
