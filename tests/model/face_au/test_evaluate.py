import json

import numpy as np
import pytest

from model.face_au.checkpoint import load_checkpoint
from model.face_au.data import load_weak
from model.face_au.evaluate import evaluate, landmark_figures, main, unit_figures
from model.face_au.folds import drawn_parts
from model.face_au.reading import Readings
from tests.model.face_au.faces import AUS, drawn_frames

HALF = dict.fromkeys(AUS, 0.5)


def test_perfect_readings_have_perfect_figures(tmp_path) -> None:
    frames = drawn_frames(tmp_path, 24)
    figures = unit_figures(Readings(frames.labels, frames.landmarks), frames, HALF)
    assert figures["mean_f1"]["value"] == 1
    assert all(unit["auc"] == unit["accuracy"] == 1 for unit in figures["units"].values())
    rates = frames.labels.mean(axis=0)
    assert figures["always_present_f1"] == pytest.approx(np.mean(2 * rates / (1 + rates)))
    assert landmark_figures(Readings(frames.labels, frames.landmarks), frames)["landmark_error"] == 0


def test_readings_that_are_wrong_everywhere_have_none(tmp_path) -> None:
    frames = drawn_frames(tmp_path, 24)
    figures = unit_figures(Readings(1 - frames.labels, frames.landmarks), frames, HALF)
    assert figures["mean_f1"]["value"] == 0
    assert all(unit["auc"] == 0 for unit in figures["units"].values())


def test_labels_that_are_not_known_are_left_out(tmp_path) -> None:
    frames = drawn_frames(tmp_path, 24)
    readings = Readings(frames.labels.copy(), frames.landmarks)
    frames.labels[3:9, 2] = np.nan
    figures = unit_figures(readings, frames, HALF)
    assert figures["units"]["AU06"]["frames"] == 18
    assert figures["mean_f1"]["value"] == 1


def test_the_report_tells_units_people_and_groups(checkpoint_folder, weak_root, weak_parts) -> None:
    checkpoint = load_checkpoint(checkpoint_folder)
    report = evaluate(checkpoint, weak_parts, weak_root)
    everyone = drawn_parts(load_weak(weak_root, AUS)).test
    of_fer = sum(person.startswith("fer2013/") for person in everyone.people)
    assert report["people_said"]["AU12 for happy"]["faces"] == of_fer
    assert all(group["faces"] >= 20 for group in report["groups"].values())
    assert 0 <= report["test"]["landmark_failures"] <= 1
    assert set(report["test"]["units"]) == set(AUS)


def test_the_command_writes_the_report(checkpoint_folder, weak_root, tmp_path, capsys) -> None:
    arguments = ["--checkpoint", str(checkpoint_folder), "--data-dir", str(weak_root), "--out", str(tmp_path)]
    assert main(arguments) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["cpu_ms_per_face"] > 0
    assert f"{report['test']['mean_f1']['value']:.3f}" in capsys.readouterr().out
