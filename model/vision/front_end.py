"""Front end: everything that is found in one image, by whatever parts are there."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from model.vision.features import ImageFeatures
from model.vision.grid import GridExtractor
from model.vision.image import Image
from model.vision.part import PartInfo
from model.vision.regions import RegionExtractor
from model.vision.relations import RelationPredictor
from model.vision.segmentation import Segmenter
from model.vision.text import TextReader

T = TypeVar("T")
# How the parts are put together; another way of doing so is another feature space.
VERSION = 1
# Told how many seconds a stage of one image took.
Observe = Callable[[str, float], None]


def _ignore(_stage: str, _duration_s: float) -> None:
    return


@dataclass(frozen=True)
class FrontEnd:
    """Parts by role; a role without a part is not in the feature space's name, so nothing is missing in silence.

    missing: role -> why it has no part. text is read beside the features and is no part of their space. closers: what
    `close` calls.
    """

    regions: RegionExtractor | None = None
    grid: GridExtractor | None = None
    segments: Segmenter | None = None
    relations: RelationPredictor | None = None
    text: TextReader | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    closers: tuple[Callable[[], None], ...] = ()

    def __post_init__(self) -> None:
        if self.regions is None and self.grid is None:
            raise ValueError(f"expected a part for regions or grid, got none: {dict(self.missing)}")
        if self.relations is not None and self.regions is None:
            raise ValueError("expected a part for regions beside one for relations, got none")

    @property
    def infos(self) -> dict[str, PartInfo]:
        """Role -> what the part says of itself."""
        roles = {
            **{"regions": self.regions, "grid": self.grid, "segments": self.segments},
            **{"relations": self.relations, "text": self.text},
        }
        return {role: part.info for role, part in roles.items() if part is not None}

    @property
    def feature_space(self) -> str:
        """Such as effnet-lite0-r36-128-centernet.effnet-lite0-g320.boxes.vrd70-mlp/v1."""
        names = [info.name for role, info in self.infos.items() if role != "text"]
        return f"{'.'.join(names)}/v{VERSION}"

    @property
    def parts(self) -> dict[str, str]:
        """What every result tells of its origin: role -> part, `labels`, and whether stuff is told (`stuff`)."""
        told = {role: info.name for role, info in self.infos.items() if role != "text"}
        if self.regions is not None:
            told["labels"] = self.regions.info.label_space or "none"
        if self.segments is not None:
            told["stuff"] = "true" if self.segments.info.label_space == "coco-panoptic133" else "false"
        return told

    def close(self) -> None:
        """Let go of what parts hold outside of Python; no image can be described after it."""
        for closer in self.closers:
            closer()

    def describe(self, image: Image, observe: Observe = _ignore) -> ImageFeatures:
        """All that the parts find; observe(stage, seconds) hears how long each took."""

        def timed(stage: str, work: Callable[[], T]) -> T:
            started_s = time.perf_counter()
            found = work()
            observe(stage, time.perf_counter() - started_s)
            return found

        regions_of, grid_of, segments_of, relations_of, text_of = (
            *(self.regions, self.grid, self.segments),
            *(self.relations, self.text),
        )
        regions = timed("regions", lambda: regions_of.extract(image)) if regions_of else None
        return ImageFeatures(
            sha256=image.sha256,
            feature_space=self.feature_space,
            parts=self.parts,
            regions=regions,
            grid=timed("grid", lambda: grid_of.extract(image)) if grid_of else None,
            segments=timed("segments", lambda: segments_of.segment(image)) if segments_of else None,
            relations=timed("relations", lambda: relations_of.relate(regions)) if relations_of and regions else None,
            texts=tuple(timed("text", lambda: text_of.read(image))) if text_of else None,
            image_size=(image.width, image.height),
        )
