"""Clusters: which items are near one another, so that a search of a large block may read the nearest of them alone."""

from dataclasses import dataclass

import faiss
import numpy as np

ITERATIONS = 10
POINTS_PER_CENTROID = 64
SEED = 0


@dataclass(frozen=True)
class Clusters:
    """centroids float32 [L, D], unit length; cluster_of int32 [V]: the centroid of the largest inner product."""

    centroids: np.ndarray
    cluster_of: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray) -> "Clusters":
        """About 2 sqrt(V) clusters of vectors [V, D]; seeded, on one thread."""
        # One thread, as everywhere in the serving process: FAISS brings a thread pool of its own.
        faiss.omp_set_num_threads(1)
        number = 2 << round(np.log2(max(1, len(vectors))) / 2)
        means = faiss.Kmeans(
            vectors.shape[1],
            number,
            niter=ITERATIONS,
            # By direction: a centroid's length would say how mixed its cluster is, not how near it is to a query.
            spherical=True,
            seed=SEED,
            min_points_per_centroid=1,
            max_points_per_centroid=POINTS_PER_CENTROID,
        )
        means.train(vectors)
        return cls(means.centroids, means.assign(vectors)[1].astype(np.int32))

    def ends(self, rows: np.ndarray) -> np.ndarray:
        """int64 [L + 1]: cluster c is rows[ends[c] : ends[c + 1]]; the rows stand in the order of their clusters."""
        return np.searchsorted(self.cluster_of[rows], np.arange(len(self.centroids) + 1))

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """int64 [L]: how many of the rows each cluster holds."""
        return np.bincount(self.cluster_of[rows], minlength=len(self.centroids))

    def nearest(self, query: np.ndarray, sizes: np.ndarray, enough: int) -> np.ndarray:
        """The clusters of the largest inner products that hold `enough` items together (or all), nearest first."""
        order = (self.centroids @ query).argsort()[::-1]
        held = sizes[order].cumsum()
        nearest = order[: int(held.searchsorted(enough)) + 1]
        return nearest[sizes[nearest] > 0]
