"""Hub correction: exact as an inner product of unit vectors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.image_text.hubness import HubCorrection
from model.image_text.projections import unit


def vectors(count, seed, width=6):
    return unit(torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1.0, 20.0]), st.sampled_from([0.25, 1.0]))
def test_the_product_is_the_definition_up_to_scale(seed, sharpness, weight):
    bank_images, bank_texts = vectors(9, seed), vectors(11, seed + 1)
    images, texts = vectors(4, seed + 2), vectors(5, seed + 3)
    correction = HubCorrection(bank_images, bank_texts, sharpness, weight)

    def hubness(rows, bank):
        return (sharpness * rows @ bank.T).exp().sum(dim=1).log() / sharpness

    image_bias = hubness(images, bank_texts) - hubness(bank_images, bank_texts).mean()
    text_bias = hubness(texts, bank_images) - hubness(bank_texts, bank_images).mean()
    expected = images @ texts.T - weight * (image_bias[:, None] + text_bias)
    left, right = correction.images(images), correction.texts(texts)
    found = left @ right.T * (2 + (2 * weight) ** 2)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(left.norm(dim=1), torch.ones(4, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(right.norm(dim=1), torch.ones(5, dtype=torch.float64), atol=1e-6)


def test_an_image_that_is_near_to_every_sentence_loses_its_lead():
    bank_texts = unit(torch.tensor([[1.0, 0.1], [1.0, -0.1], [1.0, 0.3]]))
    images = unit(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    text = unit(torch.tensor([[1.0, 0.4]]))
    assert (images @ text.T).argmax() == 0
    correction = HubCorrection(images, bank_texts, 20.0, 1.0)
    assert (correction.images(images) @ correction.texts(text).T).argmax() == 1


def test_the_bank_alone_is_asked():
    bank = vectors(7, 0), vectors(7, 1)
    correction = HubCorrection(*bank, 10.0, 0.5)
    alone = correction.images(vectors(5, 2)[:1])
    assert torch.allclose(correction.images(vectors(5, 2))[:1], alone)
    assert alone.shape[1] == pytest.approx(6 + 4)
