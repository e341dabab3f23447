"""Canonical correlation in closed form, against its definition."""

import numpy as np
import pytest
import torch

from model.image_text.linear_fit import canonical_maps, fit_skip
from model.image_text.network import Skip


def test_two_views_of_one_code_are_mapped_together():
    rng = np.random.default_rng(0)
    code = rng.normal(size=(200, 4))
    images = torch.from_numpy(code @ rng.normal(size=(4, 10)) + 0.02 * rng.normal(size=(200, 10)))
    owner = torch.arange(200).repeat_interleave(2)
    texts = torch.from_numpy(np.repeat(code, 2, axis=0) @ rng.normal(size=(4, 7)) + 0.02 * rng.normal(size=(400, 7)))
    skip = Skip(10, 7, 4, 0.0).eval()
    fit_skip(skip, images.float(), texts.float(), owner, (0.01, 0.01))
    with torch.inference_mode():
        sims = skip.images(images.float()) @ skip.texts(texts.float()).T
    assert (sims.argmax(dim=0) == owner).float().mean() > 0.95


def test_the_directions_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    images, owner = rng.normal(size=(30, 5)), np.repeat(np.arange(30), 3)
    texts = rng.normal(size=(90, 4))
    images, texts = images - images.mean(axis=0), texts - texts.mean(axis=0)
    each = images[owner]

    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return vectors @ np.diag(values**-0.5) @ vectors.T

    left, right = root(each.T @ each / 90 + 0.5 * np.eye(5)), root(texts.T @ texts / 90 + 0.25 * np.eye(4))
    strengths = np.linalg.svd(left @ (each.T @ texts / 90) @ right, compute_uv=False)
    image_map, text_map = canonical_maps(
        torch.from_numpy(images), torch.from_numpy(texts), torch.from_numpy(owner), 4, (0.5, 0.25)
    )
    # C_xx-normed directions, each scaled by its correlation.
    found = image_map.numpy().T @ (each.T @ each / 90 + 0.5 * np.eye(5)) @ image_map.numpy()
    assert np.allclose(found, np.diag(strengths**2), atol=1e-5)
    cross = image_map.numpy().T @ (each.T @ texts / 90) @ text_map.numpy()
    assert np.allclose(cross, np.diag(strengths**3), atol=1e-5)


@pytest.mark.parametrize("dim", [2, 9])
def test_a_skip_of_any_width_is_filled(dim):
    rng = np.random.default_rng(2)
    skip = Skip(6, 3, dim, 0.0).eval()
    images, texts = (
        torch.from_numpy(rng.normal(size=(20, 6))).float(),
        torch.from_numpy(rng.normal(size=(20, 3))).float(),
    )
    fit_skip(skip, images, texts, torch.arange(20), (1.0, 1.0))
    assert (skip.image.weight[min(dim, 3) :] == 0).all()
    assert torch.allclose(skip.images(images).norm(dim=1), torch.ones(20), atol=1e-5)
