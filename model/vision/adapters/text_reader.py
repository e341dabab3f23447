"""Text reader: the lines on an image, read by RapidOCR."""

import threading
from pathlib import Path

import numpy as np

from model.vision.image import Image
from model.vision.last_answer import LastAnswer
from model.vision.part import PartError, PartInfo, read_part
from model.vision.text import Quad, TextLine

KIND = "text-reader"
# 480 pixels find six words of ten that the default of 736 finds, for a quarter of its time.
LONGEST_SIDE = 480
MIN_SCORE = 0.5


class RapidTextReader:
    """Lines with a score of at least 0.5. The part's file finds lines, its second file `rec` reads them.

    Needs the extra `vision`.
    """

    def __init__(self, manifest_path: Path, *, threads: int = 1) -> None:
        manifest, path = read_part(manifest_path, KIND)
        if len(manifest.files) != 1:
            raise PartError("bad_manifest", f"expected one more file that reads lines, got {sorted(manifest.files)}")
        (reader,) = manifest.files
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise PartError("missing_package", f"expected the package rapidocr for {path.name}, got {error}") from None

        settings = {
            **{"Det.model_path": str(path), "Rec.model_path": str(manifest_path.parent / reader)},
            **{"Det.limit_type": "max", "Det.limit_side_len": LONGEST_SIDE},
            **{"Global.use_cls": False, "Global.text_score": MIN_SCORE, "Global.log_level": "error"},
            **{f"EngineConfig.onnxruntime.{kind}_op_num_threads": threads for kind in ("intra", "inter")},
        }
        try:
            self._reader = RapidOCR(params=settings)
            self._reader(np.full((64, 256, 3), 255, np.uint8))
        except Exception as error:
            raise PartError("bad_network", f"expected networks that find and read text, got {error}") from None
        self.info: PartInfo = manifest.info()
        self._last = LastAnswer(self._read)
        # A call writes its options into the reader: one image at a time.
        self._lock = threading.Lock()

    def read(self, image: Image) -> list[TextLine]:
        """From top to bottom, then from left to right."""
        return list(self._last.of(image))

    def _read(self, image: Image) -> list[TextLine]:
        from rapidocr.utils.output import RapidOCROutput

        with self._lock:
            found = self._reader(np.ascontiguousarray(image.pixels[:, :, ::-1]))
        if not isinstance(found, RapidOCROutput) or found.boxes is None or found.txts is None or found.scores is None:
            return []
        size = np.array([image.width, image.height])
        lines = [
            TextLine(text, float(score), _quad(np.clip(box / size, 0, 1)))
            for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]
        return sorted(lines, key=lambda line: (line.quad[0][1], line.quad[0][0]))


def _quad(corners: np.ndarray) -> Quad:
    a, b, c, d = ((float(x), float(y)) for x, y in corners)
    return a, b, c, d
