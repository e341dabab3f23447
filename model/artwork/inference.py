"""ArtworkRelease: a published library of covers made ready to be searched."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from model.artwork.additions import StoredAddition
from model.artwork.cover import DETAILS
from model.artwork.cover_index import cover_index
from model.artwork.identity import Identity
from model.artwork.lettering import Lettering
from model.artwork.library import Library
from model.artwork.search import Weights
from model.artwork.segment import Segment
from model.artwork.styles import Styles
from model.artwork.thumbnails import Thumbnails
from model.catalogue import Catalogue
from model.mapped_arrays import map_arrays
from model.release import Release, ReleaseError, verify_release

KIND = "artwork"
CATALOGUE_FILE = "catalogue.parquet"
DETAILS_FILE = "covers.parquet"
INDEX_FILE = "index.safetensors"
PREPARED_FILE = "prepared.safetensors"
LETTERING_FILE = "lettering.safetensors"
STYLES_FILE = "styles.safetensors"
THUMBNAILS_FILE = "thumbnails.safetensors"
SENTENCES_FILE = "sentences.parquet"
SENTENCE_VECTORS_FILE = "sentences.safetensors"
# Before the names of what the item index has built beside the vectors.
SEARCH = "search_"
NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Sentences:
    """texts: T known sentences that a picture may be matched with; vectors: float32 [T, d], norm 1."""

    texts: tuple[str, ...]
    vectors: np.ndarray


@dataclass(frozen=True)
class ArtworkRelease:
    """library: with the additions that this release lacks. matcher: id and content hash of the networks' own release.

    recall: of the first stage without a condition, measured when the release was made; None where it is exact.
    stale: additions that other networks made; they are found again once a release holds them.
    """

    release: Release
    library: Library
    identity: Identity
    weights: Weights
    matcher: tuple[str, str]
    sentences: Sentences | None
    recall: float | None
    stale: int = 0

    @classmethod
    def load(
        cls,
        path: Path,
        additions: Iterable[StoredAddition] = (),
        public_key: str | None = None,
        removed: Collection[str] = (),
    ) -> "ArtworkRelease":
        """Verify and map a release; raises ReleaseError where it is none, or not what it says.

        removed: covers that were taken away since it was made.
        """
        release = verify_release(path, public_key)
        facts = release.manifest["facts"]
        if facts.get("kind") != KIND:
            raise ReleaseError("wrong_kind", f"expected a release of kind {KIND}, got {facts.get('kind')!r}")
        identity = Identity.of(facts["identity"])
        base = _segment(path, identity)
        new, stale = [], 0
        for stored in additions:
            row = base.catalogue.row_of.get(stored.addition.cover.artwork_id)
            if row is not None and base.details["revision"][row] == stored.addition.cover.revision:
                continue
            if stored.identity == identity:
                new.append(stored.addition)
            else:
                stale += 1
        styles = Styles(map_arrays(path / STYLES_FILE)["centroids"])
        matcher = facts["matcher"]["release_id"], facts["matcher"]["content_sha256"]
        weights = Weights(**facts["weights"])
        library = Library(base, styles, new, removed)
        return cls(release, library, identity, weights, matcher, _sentences(path), base.index.recall, stale)

    @property
    def release_id(self) -> str:
        """The id that answers carry."""
        return self.release.release_id


def _segment(path: Path, identity: Identity) -> Segment:
    arrays = map_arrays(path / INDEX_FILE)
    vectors = arrays["vectors"]
    if vectors.dtype != np.dtype(identity.dtype) or vectors.ndim != 2 or vectors.shape[1] != identity.dim:
        expected, got = f"{identity.dtype} [V, {identity.dim}]", f"{vectors.dtype} {list(vectors.shape)}"
        raise ReleaseError("vectors_mismatch", f"expected vectors {expected}, got {got}")
    squares = np.einsum("vd,vd->v", vectors, vectors)
    if not np.allclose(squares, 1, atol=NORM_TOLERANCE):
        raise ReleaseError("vectors_mismatch", "expected vectors of norm 1, got others")
    prepared = map_arrays(path / PREPARED_FILE) if (path / PREPARED_FILE).exists() else {}
    if bool(prepared) != (identity.scorer_id is not None):
        raise ReleaseError("vectors_mismatch", "expected prepared tensors exactly where there is a pair scorer")
    catalogue = Catalogue.load(path / CATALOGUE_FILE)
    built = {name.removeprefix(SEARCH): array for name, array in arrays.items() if name.startswith(SEARCH)}
    index = cover_index(catalogue, vectors, arrays=built)
    details = pl.read_parquet(path / DETAILS_FILE).select(list(DETAILS))
    lettering = Lettering(len(catalogue), map_arrays(path / LETTERING_FILE))
    pictures = path / THUMBNAILS_FILE
    thumbnails = Thumbnails(map_arrays(pictures)) if pictures.exists() else None
    return Segment(catalogue, details, vectors, prepared, index, lettering, thumbnails)


def _sentences(path: Path) -> Sentences | None:
    if not (path / SENTENCES_FILE).exists():
        return None
    texts = pl.read_parquet(path / SENTENCES_FILE)["sentence"].to_list()
    return Sentences(tuple(texts), map_arrays(path / SENTENCE_VECTORS_FILE)["vectors"])
