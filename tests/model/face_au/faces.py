"""Small networks, made-up faces and folders in the layout of the sets."""

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model.configuration import configuration_from
from model.face_au.action_units import NUM_LANDMARKS
from model.face_au.config import FaceAuConfig
from model.face_au.frames import Frames
from model.face_au.network import MgrrNet

AUS = ("AU01", "AU02", "AU06", "AU12", "AU25", "AU26")
EMOTIONS = ("happy", "surprise", "neutral")
SMALL = {
    "input_px": 32,
    "colour_channels": 1,
    "stem_widths": (8, 16),
    "stem_grids": (),
    "extractor_widths": (8, 16),
    "convolutions_per_block": 1,
    "map_width": 4,
    "alignment_width": 16,
    "width": 16,
    "num_heads": 2,
}


def small_config(**changes):
    """A configuration that trains in a second; `network`, `stage` and others take changed fields."""
    sections = {"network": SMALL, "stage": {"epochs": 2, "batch_size": 8, "warmup_steps": 2}}
    merged = {name: {**sections.get(name, {}), **changes.get(name, {})} for name in {*sections, *changes}}
    return configuration_from(merged, FaceAuConfig())


def small_network(seed=0, **network):
    """A network in eval mode with random weights, prior and mean shape."""
    config = small_config(network=network).network
    torch.manual_seed(seed)
    prior = torch.rand(len(config.aus), len(config.aus))
    return MgrrNet(config, prior, mean_shape()).eval()


def mean_shape():
    """49 landmarks somewhere in the middle, the eyes level and apart."""
    shape = torch.rand(NUM_LANDMARKS, 2, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25
    shape[19], shape[22], shape[25], shape[28] = (torch.tensor([x, 0.4]) for x in (0.25, 0.4, 0.6, 0.75))
    return shape


def drawn_face(labels, rng, side=48):
    """A grey face of noise in which every present unit is a bright bar of its own, on both sides alike."""
    pixels = rng.normal(90, 12, (side, side))
    height = side // (2 * len(labels))
    for place, present in enumerate(labels):
        top = (2 * place + 1) * height
        pixels[top : top + height, side // 4 : -side // 4] += 110 * present
    return pixels.clip(0, 255).astype(np.uint8)


def drawn_frames(folder: Path, count=32, seed=0, people=None):
    """Frames of drawn faces on disk, each a person of its own unless `people` names them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, len(AUS))) < 0.5).astype(np.float32)
    labels[0], labels[1] = 1, 0
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row in range(count):
        paths.append(folder / f"{row:03d}.png")
        Image.fromarray(drawn_face(labels[row], rng)).save(paths[-1])
    landmarks = mean_shape().numpy() + rng.normal(0, 0.01, (count, NUM_LANDMARKS, 2)).astype(np.float32)
    names = tuple(people or (f"{folder.name}/{row:03d}" for row in range(count)))
    return Frames(AUS, tuple(paths), names, labels, landmarks.astype(np.float32))


def write_weak_set(root: Path, count=60, without_labels=3):
    """fer2013/ and utkface/ as the staged folders are laid out; `without_labels` images have no derived rows."""
    rng = np.random.default_rng(5)
    for name in ("fer2013", "utkface"):
        folder = root / name
        labels = rng.random((count, len(AUS)))
        rows, marks, listed, audit = [], [], [], []
        for row in range(count):
            emotion = EMOTIONS[row % 3]
            file = f"{emotion}/{row:03d}.png" if name == "fer2013" else f"{row:03d}.png"
            path = folder / "img" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            labels[row, 3] = emotion == "happy" if name == "fer2013" else labels[row, 3]
            Image.fromarray(drawn_face(labels[row] >= 0.5, rng)).convert("RGB").save(path)
            listed.append({"file": file, "emotion": emotion, "age": str(row)})
            audit.append({"file": file, "sex_label": str(row % 2), "ethnicity_label": str(row % 5)})
            if row >= without_labels:
                rows.append({"file": file, **{au: f"{labels[row, place]:.3f}" for place, au in enumerate(AUS)}})
                points = rng.uniform(5, 43, (68, 2))
                points[36], points[45] = (12, 20), (36, 20)
                marks.append(
                    {"file": file} | {f"{axis}{i}": points[i, k] for i in range(68) for k, axis in enumerate("xy")}
                )
        for file, table in (
            ("labels.csv", listed),
            ("au_weak_derived.csv", rows),
            ("landmarks68_derived.csv", marks),
            ("audit_only.csv", audit),
        ):
            write_rows(folder / file, table)
    return root


def write_rows(path: Path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
