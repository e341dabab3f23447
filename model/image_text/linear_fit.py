"""The linear matcher in closed form: regularised canonical correlation of images and sentences."""

import torch
from torch import Tensor

from model.image_text.data import Pairs
from model.image_text.network import Matcher, PairMatcher, Skip, masked_mean
from model.image_text.text_tower import StateProjection
from model.image_text.three_sh_net import ThreeShNet


def canonical_maps(images: Tensor, texts: Tensor, owner: Tensor, dim: int, ridge: tuple[float, float]) -> list[Tensor]:
    """The maps whose first `dim` directions correlate most, each scaled by its correlation: [C, dim] and [W, dim].

    (C_xx + r_x I)^(-1/2) C_xy (C_yy + r_y I)^(-1/2) = U S V', then images (..)^(-1/2) U S and texts (..)^(-1/2) V S.
    images: [n, C] and texts: [m, W], centred; owner: int [m], the image of each text. Computed in float64.
    """
    images, texts = images.double(), texts.double()
    counts = torch.bincount(owner, minlength=len(images)).double()
    summed = torch.zeros(len(images), texts.shape[1], dtype=torch.float64).index_add_(0, owner, texts)
    covariance = (images * counts[:, None]).T @ images / len(texts)
    image_factor = torch.linalg.cholesky(covariance + ridge[0] * torch.eye(images.shape[1], dtype=torch.float64))
    text_covariance = texts.T @ texts / len(texts)
    text_factor = torch.linalg.cholesky(text_covariance + ridge[1] * torch.eye(texts.shape[1], dtype=torch.float64))
    cross = torch.linalg.solve_triangular(image_factor, images.T @ summed / len(texts), upper=False)
    cross = torch.linalg.solve_triangular(text_factor, cross.T, upper=False).T
    left, strength, right = torch.linalg.svd(cross, full_matrices=False)
    image_map = torch.linalg.solve_triangular(image_factor.T, left[:, :dim], upper=True) * strength[:dim]
    text_map = torch.linalg.solve_triangular(text_factor.T, right[:dim].T, upper=True) * strength[:dim]
    return [image_map.float(), text_map.float()]


def fit_skip(skip: Skip, wholes: Tensor, sentences: Tensor, owner: Tensor, ridge: tuple[float, float]) -> None:
    """Set a skip's statistics and maps from the training images [n, C] and sentences [m, W]."""
    skip.standardise(wholes, sentences)
    with torch.no_grad():
        maps = canonical_maps(skip.image_input(wholes), skip.text_input(sentences), owner, skip.dim, ridge)
        for layer, found in zip((skip.image, skip.text), maps, strict=True):
            layer.weight.zero_()
            layer.weight[: found.shape[1]] = found.T
            layer.bias.zero_()


def fit_projections(network: Matcher, pairs: Pairs, ridge: tuple[float, float]) -> None:
    """Start a network's two projections, W_v and W_t, as the linear matcher of mean tokens and mean frozen states.

    Deviates: the papers start at random, which takes more pairs than there may be. Mean rows leave with deviation 1 in
    a channel.
    """
    if not isinstance(network.text, StateProjection) or pairs.texts.states is None:
        raise ValueError("expected frozen states of sentences to start projections from, got none")
    image_layer = network.relations.project if isinstance(network, PairMatcher) else _tower(network).project
    images = masked_mean(pairs.images.tokens, pairs.images.mask)
    texts = masked_mean(pairs.texts.states, pairs.texts.mask)
    for layer, rows, found in zip(
        (image_layer, network.text.project),
        (images, texts),
        _projections(images, texts, pairs.owner, ridge),
        strict=True,
    ):
        dim = min(layer.out_features, found.shape[1])
        deviation = rows.std(dim=0) + 1e-6
        weight = (found[:, :dim] / deviation[:, None]).T
        with torch.no_grad():
            layer.weight[:dim] = weight / ((rows - rows.mean(dim=0)) @ weight.T).std()
            layer.weight[dim:] = 0.0
            layer.bias.copy_(-(layer.weight @ rows.mean(dim=0)))


def _projections(images: Tensor, texts: Tensor, owner: Tensor, ridge: tuple[float, float]) -> list[Tensor]:
    left, right = ((rows - rows.mean(dim=0)) / (rows.std(dim=0) + 1e-6) for rows in (images, texts))
    return canonical_maps(left, right, owner, min(images.shape[1], texts.shape[1]), ridge)


def _tower(network: Matcher) -> ThreeShNet:
    assert isinstance(network.image, ThreeShNet)
    return network.image
