"""Build a release of covers: python -m service.artwork.build --table T --images DIR --matcher RELEASE --root ROOT ...

What a picture shows is kept in a feature store by the picture's hash, so that a run that was stopped goes on where it
was and the next release looks at new covers alone. What was added to a running service is taken in.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from model.artwork.additions import Additions
from model.artwork.cover import Cover
from model.artwork.export import LibraryContent, write_library
from model.artwork.fingerprint import fingerprint
from model.artwork.inference import ArtworkRelease, Sentences
from model.artwork.library import Library
from model.artwork.search import Weights
from model.artwork.segment import Segment
from model.artwork.styles import Styles
from model.artwork.thumbnails import thumbnail
from model.artwork.weights import Choice, KnownQuery, choose_weights
from model.durable_files import claimed_directory
from model.image_text.inputs import ImageInputs
from model.mapped_arrays import create_arrays, map_arrays
from model.release import Release, ReleaseError, current_release, git_revision, set_current, verify_release
from model.vision.feature_store import FeatureStore
from model.vision.features import ImageFeatures
from model.vision.front_end import FrontEnd
from model.vision.image import Image, ImageError, decode_image
from service.artwork.intake import Incoming, incoming, read_table
from service.artwork.networks import MATCHERS_FOLDER, Networks, load_networks, load_sight, pair_scores_of
from service.artwork.sight import lines_of

AT_ONCE = 32
RERANKED = 50
CHOSEN_ON = "val"


@dataclass(frozen=True)
class Plan:
    """From what to build and where; the options of the command say more.

    parts: None takes kept features alone. reads: whether text is read off pictures; else the table's is taken. origin:
    facts about what makes the release.
    """

    table: Path
    images: Path
    root: Path
    matcher: Path
    features: Path
    parts: Path | None = None
    sentences: Path | None = None
    queries: Path | None = None
    signing_key: Path | None = None
    new_styles: bool = False
    reads: bool = True
    origin: Mapping[str, object] = field(default_factory=dict)


def build(plan: Plan) -> tuple[Release, dict[str, str]]:
    """As `write`, and put it in force."""
    release, refused = write(plan)
    set_current(plan.root, release.release_id)
    return release, refused


def write(plan: Plan) -> tuple[Release, dict[str, str]]:
    """Make a release; also what was left out: id -> reason."""
    matcher = _adopted(plan.matcher, plan.root)
    with closing(load_sight(plan.parts, plan.reads)) as sight:
        networks = load_networks(plan.root, matcher, sight)
        covers, thumbnails, records, refused = _looked_at(plan, networks)
    if not covers:
        raise ValueError(f"expected at least one usable picture, got none: {list(refused.items())[:3]}")
    with tempfile.TemporaryDirectory() as scratch:
        vectors, prepared = _encoded(networks, records, Path(scratch))
        choice = _choice(plan, networks, covers, vectors, prepared)
        content = LibraryContent(
            covers,
            vectors,
            networks.identity,
            matcher,
            prepared,
            Weights(pair=networks.matchers.alpha) if choice is None else choice.weights,
            None if plan.new_styles else _styles_before(plan.root, networks),
            _sentences(plan.sentences, networks),
            thumbnails,
            {
                **plan.origin,
                "git_revision": git_revision(),
                "simulated": "nothing",
                "refused": len(refused),
                "weights_choice": None if choice is None else choice.facts(),
            },
        )
        release = write_library(content, plan.root, plan.signing_key)
    return release, refused


def _adopted(matcher: Path, root: Path) -> tuple[str, str]:
    """Id and content hash of the networks' release, after it has been copied beside the covers."""
    release = verify_release(matcher)
    folder = root / MATCHERS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / release.release_id
    if not target.exists():
        with claimed_directory(folder, ".incoming-") as scratch:
            shutil.copytree(matcher, scratch / release.release_id)
            (scratch / release.release_id).rename(target)
    return release.release_id, verify_release(target).manifest["content_sha256"]


class _Records:
    """The features of covers, in their order, read again from the store whenever they are needed."""

    def __init__(self, store: FeatureStore, hashes: Sequence[str]) -> None:
        self._store, self._hashes = store, hashes

    def __len__(self) -> int:
        return len(self._hashes)

    def inputs(self, start: int) -> list[ImageInputs]:
        """AT_ONCE of them."""
        return [ImageInputs.from_features(self._store.get(one)) for one in self._hashes[start : start + AT_ONCE]]


def _looked_at(plan: Plan, networks: Networks) -> tuple[list[Cover], list[bytes], _Records, dict[str, str]]:
    store = FeatureStore(plan.features, networks.matchers.feature_space)
    if networks.sight.front_end is not None:
        store.create(networks.sight.front_end.parts)
    table = read_table(plan.table)
    everything = list(incoming(table, plan.images, Additions(plan.root)))
    covers: list[Cover] = []
    thumbnails: list[bytes] = []
    refused: dict[str, str] = {}
    for one in tqdm(everything, desc="covers", unit="cover", mininterval=1.0):
        try:
            image = decode_image(one.content())
            features = _features(image, store, networks)
            cover, small = _cover(one, image, features), thumbnail(image.pixels)
            covers.append(cover)
            thumbnails.append(small)
        except (ImageError, OSError) as error:
            refused[one.artwork_id] = str(error)
    return covers, thumbnails, _Records(store, [cover.image_sha256 for cover in covers]), refused


def _features(image: Image, store: FeatureStore, networks: Networks) -> ImageFeatures:
    if image.sha256 in store:
        return store.get(image.sha256)
    front_end: FrontEnd | None = networks.sight.front_end
    if front_end is None:
        raise ImageError("not_seen", f"its features are not kept and nothing can look at it: {networks.sight.blind}")
    features = front_end.describe(image)
    store.put(features)
    return features


def _cover(one: Incoming, image: Image, features: ImageFeatures) -> Cover:
    return Cover(
        artwork_id=one.artwork_id,
        fingerprint=fingerprint(image.pixels),
        image_sha256=image.sha256,
        title=one.title,
        artist=one.artist,
        attributes=one.attributes,
        read_text=lines_of(features) or one.read_text,
        revision=one.revision,
    )


def _encoded(networks: Networks, records: _Records, scratch: Path) -> tuple[np.ndarray, Path | None]:
    """Vectors [V, d], and the file of prepared tensors where there is a pair scorer."""
    vectors = np.empty((len(records), networks.identity.dim), dtype=np.float32)
    path, arrays = scratch / "prepared.safetensors", None
    for start in tqdm(range(0, len(records), AT_ONCE), desc="vectors", unit="batch", mininterval=1.0):
        inputs = records.inputs(start)
        vectors[start : start + len(inputs)] = networks.matchers.embedder.encode_images(inputs)
        for place, one in enumerate(inputs if networks.matchers.scorer is not None else ()):
            tensors = networks.prepare(one)
            if arrays is None:
                arrays = create_arrays(path, {n: ((len(records), *t.shape), "F16") for n, t in tensors.items()})
            for name, tensor in tensors.items():
                arrays[name][start + place] = tensor
    for array in (arrays or {}).values():
        array.flush()
    return vectors, None if arrays is None else path


def _styles_before(root: Path, networks: Networks) -> Styles | None:
    """Those of the release in force, where the same networks made its vectors: instructions that name them go on."""
    try:
        before = ArtworkRelease.load(current_release(root))
    except ReleaseError:
        return None
    return before.library.styles if before.identity == networks.identity else None


def _sentences(path: Path | None, networks: Networks) -> Sentences | None:
    if path is None:
        return None
    texts = tuple(pl.read_parquet(path)["sentence"].unique(maintain_order=True).to_list())
    encoded = [
        networks.matchers.embedder.encode_texts(texts[start : start + AT_ONCE])
        for start in range(0, len(texts), AT_ONCE)
    ]
    return Sentences(texts, np.concatenate(encoded)) if texts else None


def _choice(
    plan: Plan, networks: Networks, covers: Sequence[Cover], vectors: np.ndarray, prepared: Path | None
) -> Choice | None:
    """Weights by the queries whose split is val; None where there are none."""
    if plan.queries is None:
        return None
    tensors = {} if prepared is None else map_arrays(prepared)
    shown = [Cover(**(vars(cover) | {"picture": cover.image_sha256})) for cover in covers]
    segment = Segment.build(shown, [""] * len(shown), vectors, tensors)
    library = Library(segment, Styles(vectors[:1]))
    table = pl.read_parquet(plan.queries).filter(pl.col("split") == CHOSEN_ON)
    rows = [(one, library.row_of(one["artwork_id"])) for one in table.iter_rows(named=True)]
    queries = [
        KnownQuery(one["query"], networks.matchers.embedder.encode_texts([one["query"]])[0], row, one["kind"])
        for one, row in rows
        if row is not None
    ]
    if not queries:
        return None
    scores = None if networks.matchers.scorer is None else pair_scores_of(networks, library)
    return choose_weights(library, queries, scores, RERANKED, partial(tqdm, desc="weights", unit="query"))


def main(argv: list[str] | None = None) -> int:
    """0 where every picture was usable, 1 where some were not, 2 where nothing was made."""
    parser = argparse.ArgumentParser(prog="python -m service.artwork.build", description=__doc__)
    for name, required, text in (
        ("table", True, "parquet: artwork_id, image, and optionally title, artist, read_text, attributes"),
        ("images", True, "folder of the files that the column image names"),
        ("matcher", True, "release of kind image-text"),
        ("features", True, "feature store; pictures in it are not looked at again"),
        ("root", True, "folder of artwork releases"),
        ("parts", False, "folder of python -m model.vision.parts prepare; without it only pictures in the store"),
        ("sentences", False, "parquet with a column sentence: what POST /artwork/match may find"),
        ("queries", False, "parquet: artwork_id, query, kind, split; those of val choose the weights"),
        ("signing-key", False, "private key of python -m model.signature keygen"),
    ):
        parser.add_argument(f"--{name}", type=Path, help=text, required=required)
    text = "find styles anew, under other names, although the networks are the same"
    parser.add_argument("--new-styles", action="store_true", help=text)
    text = "take read_text of the table: reading costs more than all else that looks at a picture"
    parser.add_argument("--no-reading", dest="reads", action="store_false", help=text)
    options = parser.parse_args(argv)
    try:
        release, refused = build(Plan(**vars(options)))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for artwork_id, reason in refused.items():
        sys.stderr.write(f"{artwork_id}: {reason}\n")
    facts = release.manifest["facts"]
    sys.stdout.write(f"{facts['covers']} covers, weights {facts['weights']}, index {facts['index']}\n{release.path}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
