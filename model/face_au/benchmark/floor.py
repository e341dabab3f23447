"""The floor of the weak set: python -m model.face_au.benchmark.floor --data-dir DIR --out DIR.

Histograms of oriented gradients (Dalal and Triggs 2005) and a logistic regression for each action unit: what pixels
tell without a network. Its strength and thresholds are chosen on validation; OUT/floor.json has the figures of the test
part, as `evaluate` has those of a network. Needs the extra vision.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from model.face_au.config import FaceAuConfig
from model.face_au.data import load_parts, load_weak, revision_of
from model.face_au.evaluate import emotion_figures, unit_figures
from model.face_au.folds import Parts, drawn_parts
from model.face_au.frames import Frames
from model.face_au.pixels import read_face
from model.face_au.reading import Readings
from model.face_au.train import SELECT, thresholds_of, validation_metrics
from model.release import git_revision

SIDE_PX = 64
CELL_PX = 8
ORIENTATIONS = 9
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
STEPS = 60


def gradients(paths: Sequence[Path]) -> np.ndarray:
    """float32 [M, 1764]: blocks of two by two cells, each normed on its own."""
    import cv2

    block, side = (2 * CELL_PX, 2 * CELL_PX), (SIDE_PX, SIDE_PX)
    described = cv2.HOGDescriptor(side, block, (CELL_PX, CELL_PX), (CELL_PX, CELL_PX), ORIENTATIONS)
    images = (read_face(path, SIDE_PX, 1)[0] for path in tqdm(paths, desc="gradients", disable=None))
    return np.stack([np.ravel(described.compute(image)) for image in images]).astype(np.float32)


def fit_floor(features: np.ndarray, labels: np.ndarray, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights [F, N] and biases [N] of logistic regressions with an L2 penalty; labels NaN where not known."""
    inputs, known = torch.from_numpy(features), ~torch.isnan(torch.from_numpy(labels))
    targets = torch.from_numpy(np.nan_to_num(labels) >= 0.5).float()
    weights = torch.zeros(features.shape[1], labels.shape[1], requires_grad=True)
    biases = torch.zeros(labels.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, biases], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = functional.binary_cross_entropy_with_logits(inputs @ weights + biases, targets, reduction="none")
        loss = (losses * known).sum() / known.sum() + penalty * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights.detach(), biases.detach()


def measure_floor(parts: Parts, data_dir: Path) -> dict[str, Any]:
    """Figures of the strength that has the largest mean area under the curve on validation."""
    started_s = time.process_time()
    train = gradients(parts.train.paths)
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-6

    def scaled(frames: Frames) -> np.ndarray:
        return (gradients(frames.paths) - mean) / deviation

    validation = scaled(parts.validation)
    tried = []
    for penalty in PENALTIES:
        fitted = fit_floor((train - mean) / deviation, parts.train.labels, penalty)
        readings = _read(fitted, validation)
        tried.append((validation_metrics(readings, parts.validation), penalty, fitted, readings))
    chosen, penalty, fitted, readings = max(tried, key=lambda one: one[0][SELECT])
    thresholds = thresholds_of(readings, parts.validation)
    everyone = drawn_parts(load_weak(data_dir, parts.test.aus)).test
    return {
        "penalty": penalty,
        "validation": {name: chosen[name] for name in (SELECT, "mean_f1")},
        "test": unit_figures(_read(fitted, scaled(parts.test)), parts.test, thresholds),
        "people_said": emotion_figures(_read(fitted, scaled(everyone)), everyone, data_dir),
        "cpu_s": round(time.process_time() - started_s, 1),
    }


def _read(fitted: tuple[Tensor, Tensor], features: np.ndarray) -> Readings:
    weights, biases = fitted
    probabilities = (torch.from_numpy(features) @ weights + biases).sigmoid().numpy()
    return Readings(probabilities, np.full((len(features), 49, 2), np.nan, dtype=np.float32))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_au.benchmark.floor", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the weakly labelled faces")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        parts = load_parts("weak", arguments.data_dir, FaceAuConfig().network.aus)
        figures = measure_floor(parts, arguments.data_dir)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    document = {"data_revision": revision_of(parts), "git_revision": git_revision(), **figures}
    (arguments.out / "floor.json").write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(f"{arguments.out / 'floor.json'}: mean F1 {figures['test']['mean_f1']['value']:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
