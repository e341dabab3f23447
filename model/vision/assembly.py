"""Assembly: a folder of parts -> the front end that they make.

The manifests in the folder decide: a `bottomup` replaces the packaged regions, a `panoptic` the packaged segments. What
is not there is named in FrontEnd.missing and absent from the feature space; what is there and broken stops the start.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from model.vision.adapters.backbone import Backbone
from model.vision.adapters.bottomup import BottomUpRegions
from model.vision.adapters.centernet import CenterNet
from model.vision.adapters.face_boxes import FaceBoxes
from model.vision.adapters.packaged_grid import PackagedGrid
from model.vision.adapters.packaged_regions import PackagedRegions
from model.vision.adapters.packaged_segments import PackagedSegments
from model.vision.adapters.panoptic import PanopticSegments
from model.vision.adapters.person_mask import PersonMask
from model.vision.adapters.text_boxes import TextBoxes
from model.vision.adapters.text_reader import RapidTextReader
from model.vision.front_end import FrontEnd
from model.vision.part import PartError
from model.vision.proposals import Proposer
from model.vision.regions import RegionExtractor
from model.vision.relation_head.inference import RelationHeadPart
from model.vision.segmentation import Segmenter

P = TypeVar("P")


@dataclass(frozen=True)
class Choices:
    """What of a folder is used, and how.

    crop_side, grid_side: pixels that the backbone sees of a region and of the whole image. with_text: tell what is
    written on it. text_boxes: make regions of text, which is another feature space. threads: of each network.
    """

    crop_side: int = 128
    grid_side: int = 320
    with_text: bool = False
    text_boxes: bool = False
    threads: int = 1


DEFAULT_CHOICES = Choices()


def assemble(folder: Path, choices: Choices = DEFAULT_CHOICES) -> FrontEnd:
    """Load every part, checking each. Raises PartError for a broken one, ValueError where none makes any features."""
    manifests = part_manifests(folder)
    missing: dict[str, str] = {}

    def load(kind: str, make: Callable[[Path], P]) -> P | None:
        if kind not in manifests:
            missing[kind] = f"no manifest of kind {kind} in {folder}"
            return None
        return make(manifests[kind])

    threads = choices.threads
    backbone = load("backbone", lambda path: Backbone(path, threads=threads))
    detector = load("detector", lambda path: CenterNet(path, threads=threads))
    reader: RapidTextReader | None = None
    if choices.with_text or choices.text_boxes:
        reader = load("text-reader", lambda path: RapidTextReader(path, threads=threads))
    regions: RegionExtractor | None = None
    faces: FaceBoxes | None = None
    if "bottomup" in manifests:
        regions = BottomUpRegions(manifests["bottomup"], threads=threads)
    elif backbone is not None:
        faces = load("face-landmarker", FaceBoxes)
        others: list[Proposer] = [] if faces is None else [faces]
        if choices.text_boxes and reader is not None:
            others.append(TextBoxes(reader))
        regions = PackagedRegions(backbone, detector, others, crop_side=choices.crop_side)
    segments: Segmenter | None = None
    if "panoptic" in manifests:
        segments = PanopticSegments(manifests["panoptic"], threads=threads)
    elif detector is not None:
        segments = PackagedSegments(detector, load("person-mask", lambda path: PersonMask(path, threads=threads)))
    relations = load("relation-head", RelationHeadPart) if regions is not None else None
    return FrontEnd(
        regions=regions,
        grid=None if backbone is None else PackagedGrid(backbone, side=choices.grid_side),
        segments=segments,
        relations=relations,
        text=reader if choices.with_text else None,
        missing=missing,
        closers=() if faces is None else (faces.close,),
    )


def part_manifests(folder: Path) -> dict[str, Path]:
    """Kind -> manifest of every part in a folder; PartError where two are of one kind or the folder is not there."""
    if not folder.is_dir():
        raise PartError("missing_file", f"expected a folder of parts at {folder}, found none")
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            kind = json.loads(path.read_text())["kind"]
        except (ValueError, KeyError, TypeError):
            raise PartError("bad_manifest", f"expected the manifest of a part in {path}, got something else") from None
        if kind in found:
            raise PartError("bad_manifest", f"expected one {kind} in {folder}, got {found[kind].name} and {path.name}")
        found[kind] = path
    return found
