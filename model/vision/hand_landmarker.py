"""HandLandmarker: MediaPipe's packaged hand networks as a HandFinder, and as the task file that browsers take.

The wheel of mediapipe 0.10.21 carries both networks and later ones carry none: assemble the part from it, once, by
`python -m model.vision.hand_landmarker --wheel mediapipe-0.10.21-....whl --out parts`.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from model.vision.hands import DEFAULT_LIMITS, Hand, HandLimits, judged_hands
from model.vision.image import Image
from model.vision.part import PartError, PartManifest, read_part, write_manifest

KIND = "hand-landmarker"
TASK_FILE = "hand_landmarker.task"
NETWORKS = {
    "hand_detector.tflite": "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "hand_landmarks_detector.tflite": "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
}
# Entries of one date: the same networks make the same file, byte for byte.
ENTRY_DATE = (1980, 1, 1, 0, 0, 0)
MAX_HANDS = 8
# mediapipe 1.2 names the person's own hand of an image that is not mirrored (older releases took every image for a
# mirror's): fingers bend the way that the label says in all 8 photographs of 1,150 where they clearly bend.
OF_PERSON: dict[str, Literal["left", "right"]] = {"Left": "left", "Right": "right"}


class HandLandmarker:
    """Hands by MediaPipe's palm detector and landmark network; for one thread at a time, so it holds a lock."""

    def __init__(self, manifest_path: Path, limits: HandLimits = DEFAULT_LIMITS, max_hands: int = MAX_HANDS) -> None:
        """manifest_path: hand-landmarker.json of a folder of parts. Raises PartError where it is not as it says."""
        manifest, task = read_part(manifest_path, KIND)
        # Here alone, for the package is optional and takes a second to load.
        from mediapipe.tasks.python import BaseOptions, vision

        self.info = manifest.info()
        self._limits = limits
        self._lock = Lock()
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=task.read_bytes()), num_hands=max_hands
        )
        self._network: Any = vision.HandLandmarker.create_from_options(options)

    def find(self, image: Image) -> tuple[Hand, ...]:
        """Every hand found, the largest first."""
        import mediapipe

        frame = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image.pixels))
        with self._lock:
            result = self._network.detect(frame)
        found = [
            (np.array([(one.x, one.y, one.z) for one in landmarks]), OF_PERSON[label[0].category_name], label[0].score)
            for landmarks, label in zip(result.hand_landmarks, result.handedness, strict=True)
        ]
        return judged_hands(image, found, self._limits)

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


def assemble(wheel: Path, out: Path) -> Path:
    """Write the task file and its manifest into `out`; PartError where a network is lacking. The manifest's path."""
    task = io.BytesIO()
    try:
        with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(task, "w", zipfile.ZIP_STORED) as target:
            for name, entry in NETWORKS.items():
                target.writestr(zipfile.ZipInfo(name, ENTRY_DATE), source.read(entry))
    except (KeyError, zipfile.BadZipFile) as error:
        raise PartError("missing_file", f"expected {', '.join(NETWORKS.values())} in {wheel}: {error}") from None
    out.mkdir(parents=True, exist_ok=True)
    (out / TASK_FILE).write_bytes(task.getvalue())
    manifest = PartManifest(
        kind=KIND,
        name="mediapipe-hand-landmarker",
        file=TASK_FILE,
        sha256=hashlib.sha256(task.getvalue()).hexdigest(),
        licence="Apache-2.0",
        source=wheel.name,
    )
    path = out / f"{KIND}.json"
    write_manifest(path, manifest)
    return path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.vision.hand_landmarker", description="Assemble the part.")
    parser.add_argument("--wheel", type=Path, required=True, help="of mediapipe 0.10.21")
    parser.add_argument("--out", type=Path, required=True, help="folder of parts")
    arguments = parser.parse_args(argv)
    try:
        path = assemble(arguments.wheel, arguments.out)
    except (PartError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
