"""HandPose: a hand-pose release made ready to answer, without torch; the browser computes the same from its JSON."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from model.hand_pose.config import HandPoseConfig, config_from_mapping
from model.hand_pose.cursor import Cursor, CursorPoint
from model.hand_pose.landmarks import LandmarkFrame
from model.hand_pose.layout import Layout
from model.hand_pose.pose_code import CODE_WIDTH, hand_points, pose_codes
from model.hand_pose.skeleton import Skeleton
from model.mapped_arrays import map_arrays
from model.release import Release, ReleaseError, verify_release

KIND = "hand-pose"
WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
SKELETON_FILE = "skeleton.json"
BROWSER_FORMAT = 1


@dataclass(frozen=True)
class HandPose:
    """Encoder, decoder, layout and cursor of one release."""

    release: Release
    config: HandPoseConfig
    skeleton: Skeleton
    weights: dict[str, np.ndarray]

    @classmethod
    def load(cls, path: Path, public_key: str | None = None) -> "HandPose":
        """Verify and read a release; ReleaseError where it is none of hand poses."""
        release = verify_release(path, public_key)
        kind = release.manifest["facts"].get("kind")
        if kind != KIND:
            raise ReleaseError("wrong_kind", f"expected a release of kind {KIND}, got {kind!r}")
        config = config_from_mapping(json.loads((path / CONFIG_FILE).read_text()))
        skeleton = Skeleton.from_json((path / SKELETON_FILE).read_text())
        return cls(release, config, skeleton, _checked(map_arrays(path / WEIGHTS_FILE), config))

    @property
    def release_id(self) -> str:
        """The id that answers carry."""
        return self.release.release_id

    @property
    def layout(self) -> Layout:
        """The plane of the autoencoder <-> the map."""
        return self.skeleton.layout

    def cursor(self) -> Cursor:
        """A cursor for one hand."""
        return Cursor(self.config.cursor)

    def place(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places on the map [B, 2] of right-handed points [B, 21, 3], and which of them are poses at all [B]."""
        poses = pose_codes(points)
        standard = (poses.codes.astype(np.float64) - self.weights["code_mean"]) / self.weights["code_deviation"]
        return self.layout.place(_perceive(standard, self._encoder)[:, :2]), poses.usable

    def follow(self, frames: Sequence[tuple[float, LandmarkFrame | None]], cursor: Cursor) -> list[CursorPoint]:
        """The cursor after each moment's frame; None, and landmarks that span no hand, are a missed one."""
        seen = [frame.points() for _, frame in frames if frame is not None]
        placed = iter(zip(*self.place(np.stack(seen)), strict=True)) if seen else iter(())
        points = []
        for time_s, frame in frames:
            place, usable = next(placed) if frame is not None else (None, False)
            if frame is None or place is None or not usable:
                points.append(cursor.miss(time_s))
            else:
                points.append(cursor.follow(time_s, (float(place[0]), float(place[1])), frame.confidence))
        return points

    def guidance(self, places: np.ndarray) -> np.ndarray:
        """Points [B, 21, 3] of the hand that leads to each place of the map [B, 2], in lengths of its palm."""
        code = _perceive(self.layout.plane(places), self._decoder)
        code = code * self.weights["code_deviation"] + self.weights["code_mean"]
        return hand_points(code, self.skeleton.bone_lengths)

    @cached_property
    def browser_document(self) -> dict[str, Any]:
        """All that a browser needs to compute the same: weights as base64 of little-endian float32, row by row."""
        return {
            "format": BROWSER_FORMAT,
            "release": self.release_id,
            "encoder": [_packed_layer(*layer) for layer in self._encoder],
            "decoder": [_packed_layer(*layer) for layer in self._decoder],
            "code_mean": _packed(self.weights["code_mean"]),
            "code_deviation": _packed(self.weights["code_deviation"]),
            "layout": self.layout.arrays(),
            "bone_lengths": self.skeleton.bone_lengths.tolist(),
            "cursor": asdict(self.config.cursor),
        }

    @cached_property
    def _encoder(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self._layers("encoder")

    @cached_property
    def _decoder(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self._layers("decoder")

    def _layers(self, part: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights [outer, inner] and biases [outer]; every second module of the perceptron is a ReLU."""
        numbers = range(0, 2 * len(self.config.network.hidden) + 1, 2)
        return [(self.weights[f"{part}.{number}.weight"], self.weights[f"{part}.{number}.bias"]) for number in numbers]


def _checked(weights: dict[str, np.ndarray], config: HandPoseConfig) -> dict[str, np.ndarray]:
    widths = (CODE_WIDTH, *config.network.hidden)
    shapes: dict[str, tuple[int, ...]] = {"code_mean": (CODE_WIDTH,), "code_deviation": (CODE_WIDTH,)}
    for part, sizes in (("encoder", (*widths, 4)), ("decoder", (2, *widths[::-1]))):
        for number, (inner, outer) in enumerate(pairwise(sizes)):
            shapes |= {f"{part}.{2 * number}.weight": (outer, inner), f"{part}.{2 * number}.bias": (outer,)}
    found = {name: array.shape for name, array in weights.items()}
    if found != shapes:
        raise ReleaseError("bad_weights", f"expected weights of shapes {shapes}, got {found}")
    return weights


def _perceive(values: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """A perceptron with ReLU between its layers, in float64, as JavaScript computes."""
    for weight, bias in layers[:-1]:
        values = np.maximum(values @ weight.T + bias, 0)
    weight, bias = layers[-1]
    return values @ weight.T + bias


def _packed_layer(weight: np.ndarray, bias: np.ndarray) -> dict[str, Any]:
    return {"inner": weight.shape[1], "outer": weight.shape[0], "weight": _packed(weight), "bias": _packed(bias)}


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode("ascii")
