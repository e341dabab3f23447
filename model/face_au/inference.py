"""Inference: the action units of face crops, by a release's graph."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from model.face_au.config import FaceAuConfig
from model.face_au.pixels import face_pixels, normalised
from model.release import verify_release

KIND = "face-au"
GRAPH_FILE = "network.onnx"
CONFIG_FILE = "config.json"
THRESHOLDS_FILE = "thresholds.json"
INPUT = "faces"
OUTPUTS = ("probabilities", "landmarks")


@dataclass(frozen=True)
class UnitReading:
    """One action unit of one face. p: the network's probability; present: p is at or above the unit's threshold."""

    p: float
    present: bool


class FaceAuReader:
    """Reads crops; may be called from several threads."""

    def __init__(self, path: Path, public_key: str | None = None, threads: int = 1) -> None:
        """path: a release's directory, verified here. Raises ReleaseError and ValueError."""
        release = verify_release(path, public_key)
        kind = release.manifest["facts"].get("kind")
        if kind != KIND:
            raise ValueError(f"expected a {KIND} release in {path}, got {kind}")
        self.release_id = release.release_id
        self.facts = release.manifest["facts"]
        network = FaceAuConfig.from_json((path / CONFIG_FILE).read_text()).network
        self.aus = network.aus
        self.side_px = network.input_px
        self._channels = network.colour_channels
        self._thresholds = json.loads((path / THRESHOLDS_FILE).read_text())
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(str(path / GRAPH_FILE), options, providers=["CPUExecutionProvider"])

    def read(self, crops: list[np.ndarray]) -> list[dict[str, UnitReading]]:
        """The action units by name of each crop; a crop is uint8 [h, w, 3] RGB, framed as model.vision.faces does."""
        if not crops:
            return []
        faces = normalised(np.stack([face_pixels(crop, self.side_px, self._channels) for crop in crops]))
        (probabilities,) = self._session.run([OUTPUTS[0]], {INPUT: faces})
        return [
            {
                au: UnitReading(round(float(p), 4), bool(p >= self._thresholds[au]))
                for au, p in zip(self.aus, row, strict=True)
            }
            for row in probabilities
        ]
