"""Evaluate on the test part: python -m model.face_au.evaluate --checkpoint DIR --data-dir DIR --out DIR.

Writes report.json. On `weak` the truth is machine-made, so the same readings are also held against what people said of
the faces (AU12 against "happy", AU02 against "surprise" of FER2013), and the error is told by UTKFace's audit groups.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.face_au.checkpoint import Checkpoint, load_checkpoint
from model.face_au.data import load_parts, load_weak
from model.face_au.folds import Parts, drawn_parts
from model.face_au.frames import Frames
from model.face_au.pixels import Pixels
from model.face_au.reading import MirroredReader, Readings, landmark_errors, read_frames
from model.face_au.sources.weak_labels import LABELS_FILE, read_column
from model.face_au.train import known_labels
from model.label_metrics import area_under_curve, bootstrap_interval, f1

LANDMARK_FAILURE = 0.1
EMOTION_CHECKS = (("AU12", "happy"), ("AU02", "surprise"))
AUDIT_FILE, AUDIT_COLUMNS = "audit_only.csv", ("sex_label", "ethnicity_label")
MIN_GROUP = 20
"""Smaller groups say nothing and are left out of the report."""


def evaluate(checkpoint: Checkpoint, parts: Parts, data_dir: Path) -> dict[str, Any]:
    """Everything the report holds, at the thresholds of the checkpoint; reads the test part."""
    readings = _read(checkpoint, parts.test)
    report = {"test": unit_figures(readings, parts.test, checkpoint.facts["thresholds"])}
    report["test"] |= landmark_figures(readings, parts.test)
    if checkpoint.facts["dataset"] == "weak":
        everyone = drawn_parts(load_weak(data_dir, parts.test.aus)).test
        report["people_said"] = emotion_figures(_read(checkpoint, everyone), everyone, data_dir)
        report["groups"] = group_figures(readings, parts.test, checkpoint.facts["thresholds"], data_dir)
    return report


def unit_figures(readings: Readings, frames: Frames, thresholds: dict[str, float]) -> dict[str, Any]:
    """F1, accuracy, area under the curve and rate of every action unit, their mean F1 with its interval, and the mean
    F1 of calling everything present."""
    units, truths, said = {}, [], []
    for column, au in enumerate(frames.aus):
        known, present = known_labels(frames, column)
        probabilities = readings.probabilities[known, column]
        called = probabilities >= thresholds[au]
        units[au] = {
            "f1": f1(present, called),
            "accuracy": float((present == called).mean()),
            "auc": area_under_curve(present, probabilities),
            "rate": float(present.mean()),
            "frames": len(present),
        }
        truths.append((known, frames.labels[:, column] >= 0.5))
        said.append(readings.probabilities[:, column] >= thresholds[au])

    def mean_f1(rows: np.ndarray) -> float:
        scores = []
        for (known, present), called in zip(truths, said, strict=True):
            kept = rows[known[rows]]
            scores.append(f1(present[kept], called[kept]))
        return float(np.mean(scores))

    always = [f1(present[known], np.ones(int(known.sum()), bool)) for known, present in truths]
    interval = bootstrap_interval(mean_f1, len(frames), replicates=300)
    return {"units": units, "mean_f1": interval._asdict(), "always_present_f1": float(np.mean(always))}


def landmark_figures(readings: Readings, frames: Frames) -> dict[str, float]:
    """Mean error of the landmarks in distances of the outer eye corners, and the share of faces above 0.1; empty where
    no landmarks are known."""
    errors = landmark_errors(readings.landmarks, frames.landmarks)
    errors = errors[~np.isnan(errors)]
    if not len(errors):
        return {}
    return {"landmark_error": float(errors.mean()), "landmark_failures": float((errors > LANDMARK_FAILURE).mean())}


def emotion_figures(readings: Readings, frames: Frames, data_dir: Path) -> dict[str, Any]:
    """Area under the curve of an action unit against what people said of the face, over all FER2013 images of the part,
    those without derived labels too."""
    emotions = {f"fer2013/{file}": emotion for file, emotion in _column(data_dir / "fer2013", "emotion").items()}
    rows = np.array([row for row, person in enumerate(frames.people) if person in emotions])
    said = np.array([emotions[frames.people[row]] for row in rows])
    figures = {}
    for au, emotion in EMOTION_CHECKS:
        if au in frames.aus:
            truth, scores = said == emotion, readings.probabilities[rows, frames.aus.index(au)]

            def area(chosen: np.ndarray, truth: np.ndarray = truth, scores: np.ndarray = scores) -> float:
                return area_under_curve(truth[chosen], scores[chosen])

            figures[f"{au} for {emotion}"] = bootstrap_interval(area, len(rows))._asdict() | {"faces": len(rows)}
    return figures


def group_figures(
    readings: Readings, frames: Frames, thresholds: dict[str, float], data_dir: Path
) -> dict[str, dict[str, Any]]:
    """Mean F1, accuracy and landmark error by group of the audit labels, and by source; a group is never an input."""
    groups: dict[str, list[int]] = {}
    audit = {column: read_column(data_dir / "utkface", AUDIT_FILE, column) for column in AUDIT_COLUMNS}
    for row, person in enumerate(frames.people):
        folder, file = person.split("/", 1)
        groups.setdefault(f"source {folder}", []).append(row)
        for column, values in audit.items():
            if folder == "utkface" and file in values:
                groups.setdefault(f"{column} {values[file]}", []).append(row)
    figures = {}
    for name, rows in sorted(groups.items()):
        if len(rows) >= MIN_GROUP:
            chosen = np.array(rows)
            figures[name] = _group(Readings(*(one[chosen] for one in readings)), frames.take(chosen), thresholds)
    return figures


def _group(readings: Readings, frames: Frames, thresholds: dict[str, float]) -> dict[str, Any]:
    scores, right = [], []
    for column, au in enumerate(frames.aus):
        known, present = known_labels(frames, column)
        called = readings.probabilities[known, column] >= thresholds[au]
        right.append((present == called).mean())
        # An action unit that no face of the group has cannot be found in it.
        scores += [f1(present, called)] if present.any() else []
    figures = {"faces": len(frames), "mean_f1": float(np.mean(scores)), "accuracy": float(np.mean(right))}
    return figures | landmark_figures(readings, frames)


def read_ms(checkpoint: Checkpoint, repeats: int = 20) -> float:
    """Processor time of one face in PyTorch, in ms, mirror included: the median of some single readings."""
    network = checkpoint.config.network
    image = torch.zeros(1, network.colour_channels, network.input_px, network.input_px)
    reader, spent_ms = MirroredReader(checkpoint.network), []
    with torch.inference_mode():
        for _ in range(repeats):
            started_s = time.process_time()
            reader(image)
            spent_ms.append((time.process_time() - started_s) * 1000)
    return float(np.median(spent_ms))


def _read(checkpoint: Checkpoint, frames: Frames) -> Readings:
    network = checkpoint.config.network
    pixels = Pixels(frames.paths, network.input_px, network.colour_channels)
    return read_frames(checkpoint.network, pixels, len(frames))


def _column(folder: Path, column: str) -> dict[str, str]:
    return read_column(folder, LABELS_FILE, column)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_au.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder that it was trained on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        checkpoint = load_checkpoint(arguments.checkpoint)
        facts = checkpoint.facts
        parts = load_parts(facts["dataset"], arguments.data_dir, checkpoint.config.network.aus, facts["fold"])
        report = evaluate(checkpoint, parts, arguments.data_dir)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report["cpu_ms_per_face"] = read_ms(checkpoint)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "report.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(f"{path}: mean F1 {report['test']['mean_f1']['value']:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
