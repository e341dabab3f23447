"""Similarities of many images and many sentences, in blocks of bounded memory."""

import numpy as np
import torch
from torch import Tensor

from model.image_text.image_batch import ImageBatch
from model.image_text.interaction import Side
from model.image_text.network import Matcher, PairMatcher
from model.image_text.text_batch import TextBatch

IMAGES_PER_BLOCK = 64
TEXTS_PER_BLOCK = 256
PAIRS_PER_BLOCK = 256


def embed_all_images(network: Matcher, images: ImageBatch) -> Tensor:
    """[images, D] in eval mode."""
    blocks = range(0, len(images), IMAGES_PER_BLOCK)
    return torch.cat([network.embed_images(images.take(slice(at, at + IMAGES_PER_BLOCK))) for at in blocks])


def embed_all_texts(network: Matcher, texts: TextBatch) -> Tensor:
    """[texts, D] in eval mode."""
    blocks = range(0, len(texts), TEXTS_PER_BLOCK)
    return torch.cat([network.embed_texts(texts.take(slice(at, at + TEXTS_PER_BLOCK))) for at in blocks])


def all_sides(network: PairMatcher, images: ImageBatch, texts: TextBatch) -> tuple[Side, Side]:
    """What every pair is scored from, computed once per image and once per sentence."""
    image_parts = [
        network.image_side(images.take(slice(at, at + IMAGES_PER_BLOCK)))
        for at in range(0, len(images), IMAGES_PER_BLOCK)
    ]
    text_parts = [
        network.text_side(texts.take(slice(at, at + TEXTS_PER_BLOCK))) for at in range(0, len(texts), TEXTS_PER_BLOCK)
    ]
    return _joined(image_parts), _joined(text_parts)


def pair_scores(
    network: PairMatcher, images: Side, texts: Side, pairs: tuple[Tensor, Tensor], block: int = PAIRS_PER_BLOCK
) -> Tensor:
    """s of the pairs (image rows [P], text rows [P]): [P], whatever the block size. In eval mode.

    Sentences of a block are cut to its longest: what is padding changes no score.
    """
    order = texts.mask.sum(dim=1)[pairs[1]].argsort(stable=True)
    scores = torch.empty(len(order))
    for rows in order.split(block):
        image_rows, image_index = pairs[0][rows].unique(return_inverse=True)
        text_rows, text_index = pairs[1][rows].unique(return_inverse=True)
        length = int(texts.mask[text_rows].any(dim=0).nonzero().max()) + 1
        part = Side(texts.rows[text_rows, :length], texts.mask[text_rows, :length], texts.overall[text_rows])
        whole = Side(images.rows[image_rows], images.mask[image_rows], images.overall[image_rows])
        scores[rows] = network.score(whole, part, image_index, text_index)
    return scores


def every_pair(num_images: int, num_texts: int) -> tuple[Tensor, Tensor]:
    """The rows of all pairs, image by image."""
    images, texts = torch.arange(num_images), torch.arange(num_texts)
    return images.repeat_interleave(num_texts), texts.repeat(num_images)


def near_pairs(sims: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """The pairs that re-ranking sees: each image's top_k sentences and each sentence's top_k images of sims [I, T]."""
    near = torch.zeros(sims.shape, dtype=torch.bool)
    near.scatter_(1, sims.topk(min(top_k, sims.shape[1]), dim=1).indices, True)
    near.scatter_(0, sims.topk(min(top_k, sims.shape[0]), dim=0).indices, True)
    images, texts = near.nonzero(as_tuple=True)
    return images, texts


def score_matrix(
    network: PairMatcher, images: ImageBatch, texts: TextBatch, block: int = PAIRS_PER_BLOCK
) -> np.ndarray:
    """s of every pair, float32 [images, texts]."""
    image_side, text_side = all_sides(network, images, texts)
    pairs = every_pair(len(images), len(texts))
    scores = pair_scores(network, image_side, text_side, pairs, block)
    return scores.view(len(images), len(texts)).numpy()


def _joined(parts: list[Side]) -> Side:
    return Side(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
