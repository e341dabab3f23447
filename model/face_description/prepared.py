"""Prepared faces: windows and the frozen stem's maps of every face, computed once and kept in shards.

The stem is the dearest part of a training step and never changes, so every face is seen in a few fixed variants
instead of a new one each time.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from model.face_description.faces import Face, Part
from model.face_description.regions import Box, face_window, mirrored
from model.face_description.stem import Stem
from model.face_description.window import cut_window, grey
from model.vision.image import read_image

TRAIN_VARIANTS = 4
"""As it is, mirrored, and both once more moved, scaled and with other contrast."""
FACES_PER_SHARD = 64


@dataclass(frozen=True, eq=False)
class PreparedFaces:
    """n faces in V variants each; landmarks in the window's coordinates, 0..1.

    pixels uint8 [n, V, 224, 224]; fine, middle, coarse float16 [n, V, C, H, W]; landmarks [n, V, 68, 2];
    units [n, 6]; emotion, age [n], -1 where there is no label.
    """

    keys: tuple[str, ...]
    pixels: Tensor
    fine: Tensor
    middle: Tensor
    coarse: Tensor
    landmarks: Tensor
    units: Tensor
    emotion: Tensor
    age: Tensor

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def variants(self) -> int:
        """In how many variants each face is there."""
        return self.pixels.shape[1]


def prepare(faces: Sequence[Face], part: Part, stem: Stem, cache: Path) -> PreparedFaces:
    """The faces of a part, read from the cache where they are there; what was left unfinished is gone on with."""
    chosen = [face for face in faces if face.part == part]
    if not chosen:
        raise ValueError(f"expected faces of the {part} part, got none")
    variants = TRAIN_VARIANTS if part == "train" else 1
    cache.mkdir(parents=True, exist_ok=True)
    shards = [chosen[start : start + FACES_PER_SHARD] for start in range(0, len(chosen), FACES_PER_SHARD)]
    loaded = []
    for number, shard in enumerate(tqdm(shards, desc=f"prepare {part}", disable=None)):
        path = cache / f"{part}-{number:03d}-{_fingerprint(shard, variants, stem)}.safetensors"
        if not path.exists():
            partial = path.with_suffix(".partial")
            save_file(_computed(shard, variants, stem), partial)
            partial.rename(path)
        with safe_open(path, framework="pt") as file:
            loaded.append({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    tensors = {name: torch.cat([shard.pop(name) for shard in loaded]) for name in tuple(loaded[0])}
    return PreparedFaces(
        keys=tuple(face.key for face in chosen),
        units=torch.from_numpy(np.stack([face.units for face in chosen])),
        emotion=torch.tensor([-1 if face.emotion is None else face.emotion for face in chosen]),
        age=torch.tensor([-1.0 if face.age is None else face.age for face in chosen]),
        **tensors,
    )


def _fingerprint(shard: Sequence[Face], variants: int, stem: Stem) -> str:
    """Of what a shard is made from, so that a cache of other faces or another stem is never taken for this one."""
    points = [[face.key, face.landmarks.tolist()] for face in shard]
    first = float(stem.first.weight.weight.double().sum())
    return hashlib.sha256(json.dumps([points, variants, first]).encode()).hexdigest()[:12]


def _computed(shard: Sequence[Face], variants: int, stem: Stem) -> dict[str, Tensor]:
    windows, landmarks = zip(*(one for face in shard for one in _variants(face, variants)), strict=True)
    pixels = torch.from_numpy(np.stack(windows))
    with torch.inference_mode():
        maps = stem(stem_input(pixels[:, None].float()))
    shape = (len(shard), variants)
    return {
        "pixels": pixels.unflatten(0, shape),
        "landmarks": torch.from_numpy(np.stack(landmarks)).float().unflatten(0, shape),
        **{name: one.half().unflatten(0, shape) for name, one in maps._asdict().items()},
    }


def stem_input(pixels: Tensor) -> Tensor:
    """Windows [B, 1, 224, 224] as the stem wants them: halved, the grey in all three channels."""
    return functional.avg_pool2d(pixels, 2).expand(-1, 3, -1, -1)


def _variants(face: Face, variants: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Window and landmarks of each variant; random only in what hangs on the face's name."""
    image = grey(read_image(face.path).pixels)
    rng = np.random.default_rng(list(hashlib.sha256(face.key.encode()).digest()))
    for variant in range(variants):
        pixels, points = image, face.landmarks
        if variant % 2:
            pixels, points = image[:, ::-1], mirrored(face.landmarks, image.shape[1])
        window = face_window(points)
        if variant >= 2:
            window = _moved(window, rng)
            mean, factor = pixels.mean(), rng.uniform(0.7, 1.3)
            pixels = ((pixels - mean) * factor + mean + rng.uniform(-30, 30)).clip(0, 255)
        x1, y1, x2, y2 = window
        yield cut_window(np.ascontiguousarray(pixels), window), (points - (x1, y1)) / (x2 - x1, y2 - y1)


def _moved(window: Box, rng: np.random.Generator) -> Box:
    """Shifted by up to 5 % and scaled by up to 10 %, as a detector's boxes are."""
    x1, y1, x2, y2 = window
    side = x2 - x1
    half = side * rng.uniform(0.9, 1.1) / 2
    centre_x = (x1 + x2) / 2 + side * rng.uniform(-0.05, 0.05)
    centre_y = (y1 + y2) / 2 + side * rng.uniform(-0.05, 0.05)
    return centre_x - half, centre_y - half, centre_x + half, centre_y + half
