"""Captions: which sentences belong to which image, and which part an image is in."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

CAPTIONS_FILE = "captions.parquet"
IMAGES_FOLDER = "images"
PARTS = ("train", "val", "test")
TEST_SEED = 20_261_130


@dataclass(frozen=True)
class Captions:
    """One row per image that has sentences. sha256: of its file, which features are kept by."""

    names: tuple[str, ...]
    sha256: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    parts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def part(self, *names: str) -> "Captions":
        """The images of these parts."""
        return self.take([row for row, part in enumerate(self.parts) if part in names])

    def take(self, rows: Iterable[int]) -> "Captions":
        """The images of these rows."""
        rows = list(rows)
        fields = (self.names, self.sha256, self.sentences, self.parts)
        return Captions(*(tuple(values[row] for row in rows) for values in fields))  # type: ignore[arg-type]

    def revision(self) -> str:
        """One hash of files, sentences and parts."""
        rows = zip(self.sha256, self.sentences, self.parts, strict=True)
        return hashlib.sha256(repr(list(rows)).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """All of it: a training goes on with the pairs that it began with, whatever becomes of their folder."""
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls, text: str) -> "Captions":
        """The reverse of `to_json`."""
        said = json.loads(text)
        sentences = tuple(map(tuple, said["sentences"]))
        return cls(tuple(said["names"]), tuple(said["sha256"]), sentences, tuple(said["parts"]))


def read_captions(folder: Path, test_images: int = 0) -> Captions:
    """Read captions.parquet (image, caption, split) and the hashes of images/<image>.

    A table without a test part has `test_images` of its training images drawn as one, by image and always the same.
    """
    table = pl.read_parquet(folder / CAPTIONS_FILE)
    missing = {"image", "caption", "split"} - set(table.columns)
    if missing:
        raise ValueError(f"expected columns image, caption and split in {folder / CAPTIONS_FILE}, got no {missing}")
    grouped = table.group_by("image", maintain_order=True).agg("caption", pl.col("split").first()).sort("image")
    names, parts = grouped["image"].to_list(), grouped["split"].to_list()
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise ValueError(f"expected parts of {PARTS}, got {sorted(unknown)}")
    if test_images and "test" not in parts:
        parts = _with_test_part(parts, test_images)
    hashes = [file_sha256(folder / IMAGES_FOLDER / Path(name).name) for name in names]
    sentences = [tuple(" ".join(one.split()) for one in many) for many in grouped["caption"].to_list()]
    return Captions(tuple(names), tuple(hashes), tuple(sentences), tuple(parts))


def joined(parts: Sequence[Captions]) -> Captions:
    """One table of several."""
    fields = zip(*((one.names, one.sha256, one.sentences, one.parts) for one in parts), strict=True)
    return Captions(*(sum(columns, ()) for columns in fields))


def file_sha256(path: Path) -> str:
    """The hash that an image's features are kept by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_test_part(parts: Sequence[str], test_images: int) -> list[str]:
    train = [row for row, part in enumerate(parts) if part == "train"]
    if test_images >= len(train):
        raise ValueError(f"expected fewer test images than the {len(train)} of the training part, got {test_images}")
    chosen = np.random.default_rng(TEST_SEED).permutation(len(train))[:test_images]
    test = {train[row] for row in chosen}
    return ["test" if row in test else part for row, part in enumerate(parts)]
