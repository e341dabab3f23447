import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from model.face_au.benchmark.floor import fit_floor, gradients, main


def test_gradients_know_how_lines_lie(tmp_path):
    pytest.importorskip("cv2")
    from PIL import Image

    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::8] = 255
    paths = [tmp_path / f"{name}.png" for name in ("upright", "lying", "brighter")]
    for path, image in zip(paths, (stripes, stripes.T, stripes // 2 + 60), strict=True):
        Image.fromarray(image).save(path)
    upright, lying, brighter = gradients(paths)
    assert upright.shape == (1764,)
    assert np.abs(upright - brighter).max() < 0.05 < np.abs(upright - lying).max()


def test_the_fit_is_where_the_penalised_loss_has_no_slope_and_skips_what_is_not_known():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 5)).astype(np.float32)
    labels = (features[:, :2] + rng.normal(0, 0.5, (80, 2)) > 0).astype(np.float32)
    labels[::3, 1] = np.nan
    weights, biases = (one.requires_grad_() for one in fit_floor(features, labels, 0.1))
    known = ~np.isnan(labels)
    logits = torch.from_numpy(features) @ weights + biases
    losses = functional.binary_cross_entropy_with_logits(
        logits, torch.from_numpy(np.nan_to_num(labels)), reduction="none"
    )
    ((losses * torch.from_numpy(known)).sum() / known.sum() + 0.1 * weights.square().sum()).backward()
    assert weights.grad.abs().max() < 1e-3
    assert biases.grad.abs().max() < 1e-3
    assert (weights[0, 0] > 0) & (weights[1, 1] > 0)


def test_the_command_leaves_the_figures_of_the_test_part(weak_root, tmp_path, capsys):
    pytest.importorskip("cv2")
    assert main(["--data-dir", str(weak_root), "--out", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "floor.json").read_text())
    assert 0 <= figures["test"]["mean_f1"]["value"] <= 1
    assert set(figures["people_said"]) == {"AU12 for happy", "AU02 for surprise"}
    assert "floor.json" in capsys.readouterr().out


def test_faces_that_are_not_there_are_told(tmp_path, capsys):
    assert main(["--data-dir", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err
