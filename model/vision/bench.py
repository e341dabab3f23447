"""Bench: python -m model.vision.bench --images DIR --parts DIR --out rows.jsonl says what each stage of an image costs.

CPU time of the process, one thread a network, every stage of every image for itself: median and 90th percentile over
the images, one row a stage; `sum` is one image from bytes to record without reading text.
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from model.search_bench import processor
from model.vision.adapters.backbone import Backbone
from model.vision.adapters.centernet import CenterNet
from model.vision.adapters.face_boxes import FaceBoxes
from model.vision.adapters.packaged_regions import PackagedRegions
from model.vision.adapters.packaged_segments import PackagedSegments
from model.vision.adapters.person_mask import PersonMask
from model.vision.adapters.text_reader import RapidTextReader
from model.vision.assembly import part_manifests
from model.vision.extract import SUFFIXES
from model.vision.features import ImageFeatures
from model.vision.image import decode_image
from model.vision.record import record_bytes
from model.vision.relation_head.inference import RelationHeadPart

T = TypeVar("T")
CROP_SIDES = (128, 224)
GRID_SIDE = 320
SUM_OF = (
    *("decode", "detector", "face boxes", "36 crops at 128", f"grid at {GRID_SIDE}"),
    *("person mask and segments", "relations", "record"),
)


class Stages:
    """The packaged parts of a folder, each to be timed for itself."""

    def __init__(self, folder: Path) -> None:
        manifests = part_manifests(folder)
        self.backbone = Backbone(manifests["backbone"])
        self.detector = CenterNet(manifests["detector"])
        self.faces = FaceBoxes(manifests["face-landmarker"])
        self.segments = PackagedSegments(self.detector, PersonMask(manifests["person-mask"]))
        self.relations = RelationHeadPart(manifests["relation-head"])
        self.reader = RapidTextReader(manifests["text-reader"])

    def close(self) -> None:
        self.faces.close()

    def times_ms(self, content: bytes) -> dict[str, float]:
        """Stage -> CPU-milliseconds, for one image."""
        clock = Clock()
        image = clock.time("decode", lambda: decode_image(content))
        clock.time("detector", lambda: self.detector.detect(image))
        clock.time("face boxes", lambda: self.faces.propose(image))
        # The detector's answer is kept: what remains is the boxes, and nothing of note.
        regions = PackagedRegions(self.backbone, self.detector, crop_side=CROP_SIDES[0]).extract(image)
        assert regions.boxes is not None
        for side in CROP_SIDES:
            clock.time(f"36 crops at {side}", partial(self.backbone.regions, image, regions.boxes, side))
        grid = clock.time(f"grid at {GRID_SIDE}", lambda: self.backbone.whole(image, GRID_SIDE))
        segments = clock.time("person mask and segments", lambda: self.segments.segment(image))
        relations = clock.time("relations", lambda: self.relations.relate(regions))
        features = ImageFeatures(image.sha256, "bench/v1", {}, regions, grid, segments, relations)
        clock.time("record", lambda: record_bytes(features))
        clock.time("text", lambda: self.reader.read(image))
        return clock.times_ms | {"sum": sum(clock.times_ms[stage] for stage in SUM_OF)}


class Clock:
    """Stage -> CPU time of the process in milliseconds."""

    def __init__(self) -> None:
        self.times_ms: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Do it, and keep how long it took."""
        started_s = time.process_time()
        result = work()
        self.times_ms[stage] = (time.process_time() - started_s) * 1e3
        return result


def rows(times: list[dict[str, float]]) -> list[dict[str, object]]:
    """One row a stage, in the order of the stages."""
    return [
        {
            "stage": stage,
            "cpu_ms_p50": round(float(np.percentile([one[stage] for one in times], 50)), 2),
            "cpu_ms_p90": round(float(np.percentile([one[stage] for one in times], 90)), 2),
            "images": len(times),
        }
        for stage in times[0]
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure a folder's images and append the rows."""
    parser = argparse.ArgumentParser(prog="python -m model.vision.bench", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--parts", type=Path, required=True, help="folder of parts, all the packaged ones")
    parser.add_argument("--count", type=int, default=50, help="images, the first by name")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    options = parser.parse_args(argv)
    paths = sorted(path for path in options.images.iterdir() if path.suffix.lower() in SUFFIXES)[: options.count]
    with closing(Stages(options.parts)) as stages:
        # Once for nothing: the first call of a network also makes its buffers.
        stages.times_ms(paths[0].read_bytes())
        times = [stages.times_ms(path.read_bytes()) for path in tqdm(paths, desc="stages", unit="image")]
    facts = {"source": options.images.resolve().parent.name, "device": f"{processor()}, 1 thread"}
    facts |= {"clock": "CPU time of the process", "onnxruntime": version("onnxruntime")}
    facts["date"] = datetime.date.today().isoformat()
    with options.out.open("a") as out:
        for row in rows(times):
            out.write(json.dumps(row | facts) + "\n")
            sys.stdout.write(f"{row['stage']}: {row['cpu_ms_p50']} ms, p90 {row['cpu_ms_p90']} ms\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
