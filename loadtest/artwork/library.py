"""A large library for a measurement: synthetic vectors around those of a small release, its other parts replicated."""

import dataclasses
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.artwork.cover import Cover
from model.artwork.export import LibraryContent, export_library
from model.artwork.inference import ArtworkRelease
from model.mapped_arrays import create_arrays
from model.release import current_release
from service.artwork.networks import MATCHERS_FOLDER

SIMULATED = "vectors drawn around those of real covers, one deviation of 0.7; regions, text and attributes replicated"
# Of a synthetic vector from the one that it was drawn around, as a share of the latter's length.
SPREAD = 0.7
SEED = 0
COPIED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Made:
    """release_id and how many CPU seconds the index, the hashes of all files and everything else took."""

    release_id: str
    cpu_s: float
    wall_s: float


def make_library(small_root: Path, root: Path, number: int, exact_up_to: int) -> Made:
    """Put a release of `number` covers in force under a new root, with the networks of the small one."""
    small = ArtworkRelease.load(current_release(small_root))
    shutil.copytree(small_root / MATCHERS_FOLDER, root / MATCHERS_FOLDER, dirs_exist_ok=True)
    rng = np.random.default_rng(SEED)
    covers = small.library.base.vectors
    like = np.arange(number) % len(covers)
    vectors = covers[like] + rng.normal(0, SPREAD / np.sqrt(covers.shape[1]), (number, covers.shape[1]))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    known = [small.library.cover(row) for row in range(len(covers))]
    copies = [_copy(known[row], place, int(rng.integers(2**63))) for place, row in enumerate(like.tolist())]
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        prepared = _replicated(small, like, Path(scratch) / "prepared.safetensors")
        content = LibraryContent(
            copies,
            vectors,
            small.identity,
            small.matcher,
            prepared,
            small.weights,
            small.library.styles,
            small.sentences,
            facts={"simulated": SIMULATED},
        )
        started = time.perf_counter(), time.process_time()
        release = export_library(content, root, exact_up_to=exact_up_to)
        wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    return Made(release.release_id, cpu_s, wall_s)


def _copy(cover: Cover, place: int, fingerprint: int) -> Cover:
    return dataclasses.replace(
        cover, artwork_id=f"synthetic-{place}", image_sha256=f"{place:064x}", fingerprint=fingerprint, revision=""
    )


def _replicated(small: ArtworkRelease, like: np.ndarray, path: Path) -> Path | None:
    """The prepared tensors of the small release, over and over."""
    own = small.library.base.prepared
    if not own:
        return None
    arrays = create_arrays(path, {name: ((len(like), *array.shape[1:]), "F16") for name, array in own.items()})
    for name, array in own.items():
        for start in range(0, len(like), COPIED_AT_ONCE):
            arrays[name][start : start + COPIED_AT_ONCE] = array[like[start : start + COPIED_AT_ONCE]]
        arrays[name].flush()
    return path
