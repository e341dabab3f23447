"""Extract: python -m model.vision.extract --images DIR --parts DIR --out STORE keeps the features of a folder's images.

Images whose features are there already are passed over, so a run that was stopped goes on. images.jsonl in STORE lists
file name, sha256 and, for an image that cannot be used, the reason. The last line printed is the feature space.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from model.vision.adapters.precomputed import Precomputed
from model.vision.adapters.relation_table import RelationTable
from model.vision.assembly import Choices, assemble
from model.vision.feature_store import FeatureStore
from model.vision.features import ImageFeatures, UnknownImageError
from model.vision.front_end import FrontEnd
from model.vision.image import Image, ImageError, read_image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LIST = "images.jsonl"


@dataclass(frozen=True)
class Extracted:
    """images: usable ones, whose features are kept. refused: file name -> reason."""

    images: int
    new: int
    refused: dict[str, str]


@dataclass(frozen=True)
class Source:
    """Where features come from. hashes: role -> sha256 of the part's files.

    describe: a file's name without its ending, its image -> its features. reads_text: a record without text is not all
    that can be known.
    """

    feature_space: str
    parts: Mapping[str, str]
    hashes: Mapping[str, str]
    describe: Callable[[str, Image], ImageFeatures]
    reads_text: bool = False

    @classmethod
    def of_front_end(cls, front_end: FrontEnd) -> "Source":
        """The parts look at the image."""
        hashes = {role: info.sha256 for role, info in front_end.infos.items() if role != "text"}
        reads_text = front_end.text is not None
        space, parts = front_end.feature_space, front_end.parts
        return cls(space, parts, hashes, lambda _name, image: front_end.describe(image), reads_text)

    @classmethod
    def of_folder(cls, precomputed: Precomputed) -> "Source":
        """Someone else has looked at it."""
        return cls(precomputed.feature_space, precomputed.parts, {}, precomputed.describe)

    def with_relations(self, table: RelationTable) -> "Source":
        """The same with relations from a table."""
        return Source(
            table.space(self.feature_space),
            {**self.parts, "relations": table.info.name},
            {**self.hashes, "relations": table.info.sha256},
            lambda name, image: table.add(name, self.describe(name, image)),
            self.reads_text,
        )


def extract(paths: Iterable[Path], source: Source, out: Path) -> Extracted:
    """Describe every image once and keep what was found."""
    store = FeatureStore(out, source.feature_space)
    store.create(source.parts, source.hashes)
    rows, refused, new = [], {}, 0
    paths = sorted(paths)
    for path in tqdm(paths, desc="features", unit="image", mininterval=1.0):
        try:
            image = read_image(path)
            if image.sha256 not in store or (source.reads_text and store.get(image.sha256).texts is None):
                store.put(source.describe(path.stem, image))
                new += 1
        except ImageError as error:
            refused[path.name] = str(error)
            rows.append({"file": path.name, "refused": error.code})
        except UnknownImageError:
            refused[path.name] = "unknown_image: the given features or relations do not speak of it"
            rows.append({"file": path.name, "refused": "unknown_image"})
        else:
            rows.append({"file": path.name, "sha256": image.sha256})
    partial = out / f"{LIST}.partial"
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(partial, out / LIST)
    return Extracted(len(paths) - len(refused), new, refused)


def main(argv: list[str] | None = None) -> int:
    """0 where every image was usable, 1 where some were not, 2 where the parts or files are not."""
    options = _parser().parse_args(argv)
    try:
        with ExitStack() as stack:
            source = _source(options, stack)
            paths = [path for path in options.images.iterdir() if path.suffix.lower() in SUFFIXES]
            extracted = extract(paths, source, options.out)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, reason in extracted.refused.items():
        sys.stderr.write(f"{name}: {reason}\n")
    sys.stdout.write(f"{extracted.images} images, {extracted.new} of them new\n{source.feature_space}\n")
    return 1 if extracted.refused else 0


def _source(options: argparse.Namespace, stack: ExitStack) -> Source:
    if options.precomputed is not None:
        source = Source.of_folder(Precomputed(options.precomputed, options.split))
    else:
        choices = Choices(options.crop_side, options.grid_side, options.text, options.text_boxes, options.threads)
        front_end = stack.enter_context(closing(assemble(options.parts, choices)))
        if options.relations is not None:
            front_end = replace(front_end, relations=None)
        for kind, reason in front_end.missing.items():
            sys.stderr.write(f"missing: {kind}: {reason}\n")
        source = Source.of_front_end(front_end)
    return source if options.relations is None else source.with_relations(RelationTable(options.relations))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.vision.extract", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG, PNG and WebP files")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--parts", type=Path, help="folder of parts, see model.vision.parts")
    where.add_argument("--precomputed", type=Path, help="folder in the layout of SCAN and 3SHNet")
    parser.add_argument("--split", default="train", help="which split of --precomputed")
    parser.add_argument("--relations", type=Path, help="manifest of a JSON file of relations, instead of a part's own")
    parser.add_argument("--out", type=Path, required=True, help="feature store, made if it is not there")
    parser.add_argument("--crop-side", type=int, default=Choices.crop_side, help="pixels that are seen of a region")
    parser.add_argument("--grid-side", type=int, default=Choices.grid_side, help="pixels that are seen of the image")
    parser.add_argument("--text", action="store_true", help="also read what is written on the images")
    parser.add_argument("--text-boxes", action="store_true", help="make regions of text, another feature space")
    parser.add_argument("--threads", type=int, default=1, help="of each network")
    return parser


if __name__ == "__main__":
    sys.exit(main())
