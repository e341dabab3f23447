"""Evaluate: python -m model.vision.evaluate --data-dir DIR --parts DIR --out FILE measures detector and segments.

On the images of a COCO subset with images.parquet (image, width, height, coco_split, objects as JSON): COCO's own mean
average precision of the boxes, through pycocotools; and the pixel accuracy and mean IoU of the segmentation map against
the polygons, 81 classes, none being one of them. val2017 alone, since the detector has seen COCO's training images.
"""

import argparse
import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from model.vision.adapters.centernet import CenterNet
from model.vision.adapters.packaged_segments import PERSON, PackagedSegments
from model.vision.adapters.person_mask import PersonMask
from model.vision.assembly import part_manifests
from model.vision.image import read_image
from model.vision.labels import COCO80
from model.vision.segmentation import CLASSES, MAP_SIDE, NO_CLASS, STUFF_CLASSES

# COCO's measure looks at weaker boxes than the front end uses.
MIN_SCORE = 0.01
_NUMBER = {name: number for number, name in enumerate(COCO80)}


@dataclass(frozen=True)
class Labelled:
    """One image of the subset: its file, size, and objects with label, bbox_xyxy, polygons and iscrowd."""

    path: Path
    width: int
    height: int
    objects: list[dict[str, Any]]


def read_subset(folder: Path) -> list[Labelled]:
    """The images of val2017."""
    table = pl.read_parquet(folder / "images.parquet").filter(pl.col("coco_split") == "val2017").sort("image_id")
    return [
        Labelled(folder / "images" / Path(row["image"]).name, row["width"], row["height"], json.loads(row["objects"]))
        for row in table.iter_rows(named=True)
    ]


def box_precision(subset: list[Labelled], detector: CenterNet) -> dict[str, float]:
    """COCO's mAP at IoU 0.50 to 0.95, AP50 and AR100."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth: list[dict[str, object]] = []
    found: list[dict[str, object]] = []
    for number, one in enumerate(tqdm(subset, desc="boxes", unit="image")):
        for thing in one.objects:
            x0, y0, x1, y1 = thing["bbox_xyxy"]
            truth.append(
                {
                    **{"id": len(truth) + 1, "image_id": number, "category_id": _NUMBER[thing["label"]]},
                    **{"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)},
                    "iscrowd": int(thing["iscrowd"]),
                }
            )
        things = detector.detect(read_image(one.path))
        boxes = things.boxes.astype(float) * (one.width, one.height, one.width, one.height)
        for (x0, y0, x1, y1), score, category in zip(boxes.tolist(), things.scores, things.classes, strict=True):
            box = [x0, y0, x1 - x0, y1 - y0]
            found.append({"image_id": number, "category_id": int(category), "bbox": box, "score": float(score)})
    # The library prints as it goes.
    with contextlib.redirect_stdout(io.StringIO()):
        labels = COCO()
        categories = [{"id": number, "name": name} for name, number in _NUMBER.items()]
        images = [{"id": number, "width": one.width, "height": one.height} for number, one in enumerate(subset)]
        labels.dataset = {"info": {}, "images": images, "annotations": truth, "categories": categories}
        labels.createIndex()
        measure = COCOeval(labels, labels.loadRes(found), "bbox")
        measure.evaluate()
        measure.accumulate()
        measure.summarize()
    return {"map": float(measure.stats[0]), "ap50": float(measure.stats[1]), "ar100": float(measure.stats[8])}


def map_accuracy(subset: list[Labelled], segmenter: PackagedSegments) -> dict[str, float]:
    """Pixel accuracy, mean IoU over the classes that occur, and the IoU of people, on 64 x 64 maps."""
    confusion = np.zeros((CLASSES + 1, CLASSES + 1), np.int64)
    for one in tqdm(subset, desc="segments", unit="image"):
        ids = segmenter.segment(read_image(one.path)).ids
        np.add.at(confusion, (true_map(one), ids), 1)
    both = confusion.diagonal()
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    shares = both / np.maximum(either, 1)
    return {
        "pixel_accuracy": float(both.sum() / confusion.sum()),
        "mean_iou": float(shares[confusion.sum(axis=1) > 0].mean()),
        "person_iou": float(shares[STUFF_CLASSES + PERSON]),
    }


def true_map(one: Labelled) -> np.ndarray:
    """[64, 64] ids: what lies at each cell's centre, smaller things over larger ones; crowds have no polygons."""
    from pycocotools import mask

    ids = np.full((one.height, one.width), NO_CLASS)
    for thing in sorted(one.objects, key=_box_area, reverse=True):
        if thing["polygons"]:
            shapes = mask.frPyObjects(thing["polygons"], one.height, one.width)
            ids[mask.decode(mask.merge(shapes)) > 0] = STUFF_CLASSES + _NUMBER[thing["label"]]
    centres = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    return ids[np.ix_((centres * one.height).astype(int), (centres * one.width).astype(int))]


def _box_area(thing: dict[str, Any]) -> float:
    x0, y0, x1, y1 = thing["bbox_xyxy"]
    return float((x1 - x0) * (y1 - y0))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.vision.evaluate", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with images.parquet and images/")
    parser.add_argument("--parts", type=Path, required=True, help="folder of parts with a detector and a person mask")
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the figures")
    options = parser.parse_args(argv)
    subset = read_subset(options.data_dir)
    manifests = part_manifests(options.parts)
    figures: dict[str, float] = {"images": len(subset)}
    figures |= box_precision(subset, CenterNet(manifests["detector"], min_score=MIN_SCORE))
    detector = CenterNet(manifests["detector"])
    figures |= map_accuracy(subset, PackagedSegments(detector, PersonMask(manifests["person-mask"])))
    figures["person_iou_of_boxes_alone"] = map_accuracy(subset, PackagedSegments(detector, None))["person_iou"]
    options.out.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(options.out.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
