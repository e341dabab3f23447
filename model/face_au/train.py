"""Train MGRR-Net: python -m model.face_au.train --config FILE --dataset SET --data-dir DIR --out DIR.

Deviates: AdamW under a cosine instead of SGD with steps, because it needs fewer epochs.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.face_au.augmentation import augmented
from model.face_au.checkpoint import Checkpoint, check_resumable, save_description
from model.face_au.config import FaceAuConfig, load_config
from model.face_au.data import SETS, load_parts, revision_of
from model.face_au.folds import Parts
from model.face_au.frames import Frames
from model.face_au.losses import FaceTargets, face_loss, unit_weights
from model.face_au.network import MgrrNet
from model.face_au.pixels import Pixels
from model.face_au.reading import Readings, landmark_errors, read_frames
from model.label_metrics import area_under_curve, best_threshold, f1
from model.release import git_revision
from model.training import Schedule, fit

SELECT = "mean_auc"
"""Chooses the epoch: it needs no thresholds, which are chosen on the same frames afterwards."""


def train(config: FaceAuConfig, parts: Parts, out: Path, facts: dict[str, Any], *, resume: bool) -> Checkpoint:
    """Train on one part, choose epoch and thresholds on another; the test part is not read.

    facts: dataset, fold and whatever else the checkpoint is to say. Raises ValueError.
    """
    facts = facts | {"data_revision": revision_of(parts), "git_revision": git_revision(), "parts": _sizes(parts)}
    if resume:
        check_resumable(out, config, facts)
    save_description(out, config, facts)
    torch.manual_seed(config.stage.seed)
    network = MgrrNet(config.network, parts.train.prior(), parts.train.mean_landmarks())
    pixels = {part: _pixels(config, frames) for part, frames in (("train", parts.train), ("val", parts.validation))}
    weights, targets = unit_weights(parts.train.rates()), parts.train.targets()

    def batches(epoch: int) -> list[list[int]]:
        order = np.random.default_rng((config.stage.seed, epoch)).permutation(len(parts.train)).tolist()
        size = config.stage.batch_size
        # A last batch of a few frames would spoil the batch normalisation.
        return [order[start : start + size] for start in range(0, len(order) - min(size, len(order)) + 1, size)]

    def step(rows: list[int], _: int) -> Tensor:
        images = torch.from_numpy(pixels["train"].batch(rows))
        images, landmarks = augmented(images, targets.landmarks[rows], config.augmentation)
        return face_loss(network(images), FaceTargets(targets.labels[rows], landmarks), weights, config.objective)

    def validate() -> dict[str, float]:
        return validation_metrics(read_frames(network, pixels["val"], len(parts.validation)), parts.validation)

    fitted = fit(
        network,
        Schedule.of(config.stage),
        out,
        batches=batches,
        step=step,
        evaluate=validate,
        select=SELECT,
        resume=resume,
        title="face_au",
    )
    readings = read_frames(network, pixels["val"], len(parts.validation))
    facts |= {
        "thresholds": thresholds_of(readings, parts.validation),
        "validation": fitted.metrics,
        "cpu_minutes": fitted.cpu_s / 60,
    }
    save_description(out, config, facts)
    return Checkpoint(config, network, facts)


def validation_metrics(readings: Readings, frames: Frames) -> dict[str, float]:
    """mean_auc and mean_f1 over action units (each at the threshold that is best here), and landmark_error."""
    areas, scores = [], []
    for column in range(len(frames.aus)):
        known, present = known_labels(frames, column)
        probabilities = readings.probabilities[known, column]
        areas.append(area_under_curve(present, probabilities))
        scores.append(f1(present, probabilities >= best_threshold(present, probabilities)))
    errors = landmark_errors(readings.landmarks, frames.landmarks)
    error = float(np.nanmean(errors)) if not np.isnan(errors).all() else float("nan")
    return {SELECT: float(np.nanmean(areas)), "mean_f1": float(np.mean(scores)), "landmark_error": error}


def known_labels(frames: Frames, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which an action unit is known, bool [M], and whether it is present in each of these."""
    labels = frames.labels[:, column]
    known = ~np.isnan(labels)
    return known, labels[known] >= 0.5


def thresholds_of(readings: Readings, frames: Frames) -> dict[str, float]:
    """From which probability on an action unit is called present: where F1 is largest on these frames."""
    found = {}
    for column, au in enumerate(frames.aus):
        known, present = known_labels(frames, column)
        found[au] = best_threshold(present, readings.probabilities[known, column])
    return found


def _pixels(config: FaceAuConfig, frames: Frames) -> Pixels:
    return Pixels(frames.paths, config.network.input_px, config.network.colour_channels)


def _sizes(parts: Parts) -> dict[str, int]:
    return {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_au.train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file")
    parser.add_argument("--dataset", choices=SETS, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="the set's folder")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder")
    parser.add_argument("--fold", type=int, default=0, help="which of three folds is tested; weak has none")
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        config = load_config(arguments.config)
        if arguments.seed is not None:
            config = dataclasses.replace(config, stage=dataclasses.replace(config.stage, seed=arguments.seed))
        parts = load_parts(arguments.dataset, arguments.data_dir, config.network.aus, arguments.fold)
        facts = {"dataset": arguments.dataset, "fold": arguments.fold}
        checkpoint = train(config, parts, arguments.out, facts, resume=arguments.resume)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    figures = ", ".join(f"{name} {value:.4f}" for name, value in checkpoint.facts["validation"].items())
    sys.stdout.write(f"{arguments.out}: {figures}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
