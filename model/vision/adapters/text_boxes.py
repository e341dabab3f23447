"""Text boxes: regions where text is written."""

from model.vision.image import Image
from model.vision.labels import TEXT
from model.vision.part import PartInfo
from model.vision.proposals import Proposal
from model.vision.text import TextReader


class TextBoxes:
    """The upright box around each line of a reader, the surest first."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        self.info: PartInfo = reader.info

    def propose(self, image: Image) -> list[Proposal]:
        proposals = []
        for line in sorted(self._reader.read(image), key=lambda one: -one.score):
            across, down = zip(*line.quad, strict=True)
            proposals.append(Proposal((min(across), min(down), max(across), max(down)), TEXT, line.score, "text"))
        return proposals
