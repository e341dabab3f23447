"""Face boxes: where MediaPipe's face landmarker finds a face."""

import threading
from pathlib import Path

import numpy as np

from model.vision.image import Image
from model.vision.labels import FACE
from model.vision.part import PartError, PartInfo, read_part
from model.vision.proposals import Proposal

KIND = "face-landmarker"
MAX_FACES = 8
# The landmarker tells no score: a face it reports is at least this sure, which is all that is claimed.
MIN_CONFIDENCE = 0.5
# Landmarks end at the hairline; a head is about this much larger on every side.
MARGIN = 0.15


class FaceBoxes:
    """Boxes around the landmarks of faces. Needs the extra `vision`."""

    def __init__(self, manifest_path: Path) -> None:
        manifest, path = read_part(manifest_path, KIND)
        try:
            from mediapipe.tasks.python.core.base_options import BaseOptions
            from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarker, FaceLandmarkerOptions
        except ImportError as error:
            raise PartError("missing_package", f"expected the package mediapipe for {path.name}, got {error}") from None

        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
            num_faces=MAX_FACES,
            min_face_detection_confidence=MIN_CONFIDENCE,
        )
        try:
            self._landmarker = FaceLandmarker.create_from_options(options)
            self._check()
        except (RuntimeError, ValueError, OSError) as error:
            raise PartError("bad_network", f"expected a face landmarker in {path.name}, got {error}") from None
        self.info: PartInfo = manifest.info()
        # The landmarker is one graph with its own threads: one image at a time.
        self._lock = threading.Lock()

    def propose(self, image: Image) -> list[Proposal]:
        """A box for each face, cut at the image's edge."""
        with self._lock:
            found = _landmarks(self._landmarker, image.pixels)
        return [_proposal(points) for points in found]

    def close(self) -> None:
        """Let go of the graph; left to the interpreter's exit, that comes after what it needs for it has gone."""
        with self._lock:
            self._landmarker.close()

    def _check(self) -> None:
        if faces := _landmarks(self._landmarker, np.zeros((64, 64, 3), np.uint8)):
            raise ValueError(f"expected no face in a black image, got {len(faces)}")


def _landmarks(landmarker: object, pixels: np.ndarray) -> list[np.ndarray]:
    import mediapipe

    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
    result = landmarker.detect(image)  # type: ignore[attr-defined]
    return [np.array([(point.x, point.y) for point in face]) for face in result.face_landmarks]


def _proposal(points: np.ndarray) -> Proposal:
    low, high = points.min(axis=0), points.max(axis=0)
    margin = (high - low) * MARGIN
    (x0, y0), (x1, y1) = np.clip(low - margin, 0, 1), np.clip(high + margin, 0, 1)
    return Proposal((float(x0), float(y0), float(x1), float(y1)), FACE, MIN_CONFIDENCE, "face")
