"""Packaged regions: boxes of a detector, of faces and of text, filled up with grid cells; vectors of a backbone."""

from collections.abc import Sequence

import numpy as np

from model.vision.adapters.backbone import Backbone, check_side
from model.vision.adapters.centernet import CenterNet
from model.vision.boxes import grid_cells
from model.vision.image import Image
from model.vision.labels import GRID_CELL
from model.vision.part import PartInfo, combined_sha256
from model.vision.proposals import Proposal, Proposer
from model.vision.regions import Regions

COUNT = 36
# Most places that one proposer beside the detector may take.
MAX_OTHERS = 8


class PackagedRegions:
    """Always 36 regions: proposals of the others (faces, text) first, then the detector's best, then grid cells."""

    def __init__(
        self, backbone: Backbone, detector: CenterNet | None, others: Sequence[Proposer] = (), *, crop_side: int = 128
    ) -> None:
        self._backbone, self._detector, self._others = backbone, detector, tuple(others)
        self._crop_side = check_side(crop_side)
        boxes_from = [part.info for part in (detector, *others) if part is not None]
        names = "+".join([info.name for info in boxes_from] or ["grid"])
        self.info = PartInfo(
            kind="regions",
            name=f"{backbone.info.name}-r{COUNT}-{crop_side}-{names}",
            dim=backbone.info.dim,
            label_space=detector.info.label_space if detector else "",
            sha256=combined_sha256(backbone.info, *boxes_from),
            licence=backbone.info.licence,
        )

    def extract(self, image: Image) -> Regions:
        """The image's 36 regions; those of the detector are the surest, best first."""
        found = self._proposals(image)[:COUNT]
        cells = grid_cells(COUNT - len(found))
        boxes = np.concatenate([np.array([one.box for one in found], np.float32).reshape(-1, 4), cells])
        return Regions(
            boxes=boxes,
            features=self._backbone.regions(image, boxes, self._crop_side),
            labels=(*(one.label for one in found), *[GRID_CELL] * len(cells)),
            scores=np.array([*(one.score for one in found), *[0.0] * len(cells)], np.float32),
            sources=(*(one.source for one in found), *["grid"] * len(cells)),
        )

    def _proposals(self, image: Image) -> list[Proposal]:
        proposals = [one for other in self._others for one in other.propose(image)[:MAX_OTHERS]]
        if self._detector is not None:
            found = self._detector.detect(image)
            for box, score, number in zip(found.boxes.tolist(), found.scores.tolist(), found.classes, strict=True):
                proposals.append(Proposal(tuple(box), self._detector.labels[number], score, "detector"))
        return proposals
