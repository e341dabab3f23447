"""ONNX faces: any network that finds faces with the usual 68 landmarks, as a FaceFinder."""

from pathlib import Path

import numpy as np

from model.vision.faces import DEFAULT_LIMITS, NUM_LANDMARKS, Face, FaceLimits, judged_faces
from model.vision.image import Image
from model.vision.onnx_part import OnnxPart
from model.vision.part import PartInfo
from model.vision.resizing import resized

KIND = "faces"
SHAPES = {"landmarks": ("faces", NUM_LANDMARKS, 2), "scores": ("faces",)}
MIN_SCORE = 0.5


class OnnxFaces:
    """A network with outputs `landmarks` [F, 68, 2], shares of its input's sides, and `scores` [F] in 0..1."""

    def __init__(
        self,
        manifest_path: Path,
        limits: FaceLimits = DEFAULT_LIMITS,
        *,
        min_score: float = MIN_SCORE,
        threads: int = 1,
    ) -> None:
        """Raises PartError where the file is not the manifest's or its outputs are not these."""
        self._network = OnnxPart(manifest_path, KIND, SHAPES, threads=threads)
        self._limits = limits
        self._min_score = min_score
        self.info: PartInfo = self._network.manifest.info()

    def find(self, image: Image) -> tuple[Face, ...]:
        """Every face of min_score or more, the largest first."""
        spec = self._network.input
        found = self._network.run({spec.name: spec.tensor(resized(image, spec.size)[None])})
        landmarks: np.ndarray = found["landmarks"][found["scores"] >= self._min_score]
        return judged_faces(image, list(landmarks), self._limits)
