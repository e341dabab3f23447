"""Turn covers and their vectors into a release of kind artwork."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from model.artwork.cover import Cover, detail_table, item_table
from model.artwork.cover_index import EXACT_UP_TO, cover_index
from model.artwork.fingerprint import same_covers
from model.artwork.identity import Identity
from model.artwork.inference import (
    CATALOGUE_FILE,
    DETAILS_FILE,
    INDEX_FILE,
    KIND,
    LETTERING_FILE,
    PREPARED_FILE,
    SEARCH,
    SENTENCE_VECTORS_FILE,
    SENTENCES_FILE,
    STYLES_FILE,
    THUMBNAILS_FILE,
    Sentences,
)
from model.artwork.lettering import Lettering
from model.artwork.search import Weights
from model.artwork.styles import Styles
from model.artwork.thumbnails import Thumbnails
from model.catalogue import Catalogue
from model.item_index import RECALL_SAMPLE, RECALL_TOP_K, ItemIndex
from model.release import Release, set_current, write_release


@dataclass(frozen=True)
class LibraryContent:
    """vectors: float32 [V, d], norm 1. prepared: a safetensors file of [V, ...] arrays, None without a pair scorer.

    matcher: id and content hash of the networks' release. styles: those of an earlier release, for their names to stay;
    None finds new ones. thumbnails: one WebP for each cover, or none at all. facts: dataset, simulated, metrics and the
    like.
    """

    covers: Sequence[Cover]
    vectors: np.ndarray
    identity: Identity
    matcher: tuple[str, str]
    prepared: Path | None = None
    weights: Weights = field(default_factory=Weights)
    styles: Styles | None = None
    sentences: Sentences | None = None
    thumbnails: Sequence[bytes] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


def export_library(
    content: LibraryContent, root: Path, signing_key: Path | None = None, exact_up_to: int = EXACT_UP_TO
) -> Release:
    """As `write_library`, and make it the current one."""
    release = write_library(content, root, signing_key, exact_up_to)
    set_current(root, release.release_id)
    return release


def write_library(
    content: LibraryContent, root: Path, signing_key: Path | None = None, exact_up_to: int = EXACT_UP_TO
) -> Release:
    """Write and verify a release under `root`.

    exact_up_to: above this many covers the first stage reads the nearest clusters; their recall is put on record.
    """
    vectors = content.vectors
    styles = content.styles or Styles.fit(vectors)
    first = same_covers(np.array([cover.fingerprint for cover in content.covers], dtype=np.uint64), vectors)
    covers = [
        dataclasses.replace(cover, picture=content.covers[row].image_sha256)
        for cover, row in zip(content.covers, first.tolist(), strict=True)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        catalogue = Catalogue(item_table(covers, styles.names(vectors)))
        catalogue.save(folder / CATALOGUE_FILE)
        detail_table(covers).write_parquet(folder / DETAILS_FILE)
        index = cover_index(catalogue, vectors, exact_up_to=exact_up_to)
        built = {SEARCH + name: np.ascontiguousarray(array) for name, array in index.arrays().items()}
        save_file({"vectors": vectors, **built}, folder / INDEX_FILE)
        save_file(Lettering.of([cover.read_text for cover in covers]).arrays(), folder / LETTERING_FILE)
        save_file({"centroids": styles.centroids}, folder / STYLES_FILE)
        if content.sentences is not None:
            pl.DataFrame({"sentence": content.sentences.texts}).write_parquet(folder / SENTENCES_FILE)
            save_file({"vectors": content.sentences.vectors}, folder / SENTENCE_VECTORS_FILE)
        if content.thumbnails:
            save_file(Thumbnails.of(content.thumbnails).arrays(), folder / THUMBNAILS_FILE)
        files = {path.name: path for path in folder.iterdir()}
        if content.prepared is not None:
            files[PREPARED_FILE] = content.prepared
        return write_release(root, files, _facts(content, index), signing_key)


def _facts(content: LibraryContent, index: ItemIndex) -> dict[str, object]:
    release_id, content_sha256 = content.matcher
    return {
        **content.facts,
        "kind": KIND,
        "identity": content.identity.facts(),
        "matcher": {"release_id": release_id, "content_sha256": content_sha256},
        "weights": dataclasses.asdict(content.weights),
        "covers": len(content.covers),
        "sentences": 0 if content.sentences is None else len(content.sentences.texts),
        "index": _index_facts(content, index),
    }


def _index_facts(content: LibraryContent, index: ItemIndex) -> dict[str, object]:
    """recall: of the top 50 with covers as queries; recall_of_sentences: with sentences, which lie farther away."""
    if index.recall is None:
        return {"kind": "exact", "recall": None, "recall_of_sentences": None}
    sentences = content.sentences
    measured = None if sentences is None else index.measure_recall(sentences.vectors[:RECALL_SAMPLE], RECALL_TOP_K)
    return {"kind": "clusters", "recall": index.recall, "recall_of_sentences": measured}
