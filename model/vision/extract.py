"""Extract: python -m model.vision.extract --images DIR --parts DIR --out STORE keeps the features of a folder's images.

Images whose features are there already are passed over, so a run that was stopped goes on. images.jsonl in STORE lists
file name, sha256 and, for an image that cannot be used, the reason. The last line printed is the feature space.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from model.vision.assembly import Choices, assemble
from model.vision.feature_store import FeatureStore
from model.vision.front_end import FrontEnd
from model.vision.image import ImageError, decode_image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LIST = "images.jsonl"


@dataclass(frozen=True)
class Extracted:
    """images: usable ones, whose features are kept. refused: file name -> reason."""

    images: int
    new: int
    refused: dict[str, str]


def extract(paths: Iterable[Path], front_end: FrontEnd, out: Path) -> Extracted:
    """Describe every image once and keep what was found."""
    store = FeatureStore(out, front_end.feature_space)
    store.create(front_end.parts)
    rows, refused, new = [], {}, 0
    paths = sorted(paths)
    for path in tqdm(paths, desc="features", unit="image", mininterval=1.0):
        try:
            image = decode_image(path.read_bytes())
        except ImageError as error:
            refused[path.name] = str(error)
            rows.append({"file": path.name, "refused": error.code})
            continue
        if image.sha256 not in store:
            store.put(front_end.describe(image))
            new += 1
        rows.append({"file": path.name, "sha256": image.sha256})
    partial = out / f"{LIST}.partial"
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(partial, out / LIST)
    return Extracted(len(paths) - len(refused), new, refused)


def main(argv: list[str] | None = None) -> int:
    """0 where every image was usable, 1 where some were not."""
    parser = argparse.ArgumentParser(prog="python -m model.vision.extract", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG, PNG and WebP files")
    parser.add_argument("--parts", type=Path, required=True, help="folder of parts, see model.vision.parts")
    parser.add_argument("--out", type=Path, required=True, help="feature store, made if it is not there")
    parser.add_argument("--crop-side", type=int, default=Choices.crop_side, help="pixels that are seen of a region")
    parser.add_argument("--grid-side", type=int, default=Choices.grid_side, help="pixels that are seen of the image")
    parser.add_argument("--text", action="store_true", help="also read text, which takes longer than all the rest")
    parser.add_argument("--threads", type=int, default=1, help="of each network")
    options = parser.parse_args(argv)
    choices = Choices(options.crop_side, options.grid_side, options.text, options.threads)
    try:
        front_end = assemble(options.parts, choices)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for kind, reason in front_end.missing.items():
        sys.stderr.write(f"missing: {kind}: {reason}\n")
    paths = [path for path in options.images.iterdir() if path.suffix.lower() in SUFFIXES]
    with closing(front_end):
        extracted = extract(paths, front_end, options.out)
    for name, reason in extracted.refused.items():
        sys.stderr.write(f"{name}: {reason}\n")
    sys.stdout.write(f"{extracted.images} images, {extracted.new} of them new\n{front_end.feature_space}\n")
    return 1 if extracted.refused else 0


if __name__ == "__main__":
    sys.exit(main())
