"""Attention between regions and words, and the refinement that is computed once per sentence."""

import pytest
import torch

from model.image_text.interaction import Readout, Refinement, Side, attention


def valid(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def test_weights_sum_to_one_and_masked_words_get_none():
    queries, words = torch.randn(2, 4, 6), torch.randn(2, 5, 6)
    mask = torch.tensor([[True, True, True, False, False], [True] * 5])
    alpha = attention(queries, words, valid(2, 4), mask, 4.0)
    assert torch.allclose(alpha.sum(dim=2), torch.ones(2, 4), atol=1e-6)
    assert (alpha[0, :, 3:] == 0).all()


def test_it_is_the_formula_word_by_word():
    queries, words = torch.randn(1, 3, 4, dtype=torch.float64), torch.randn(1, 2, 4, dtype=torch.float64)
    cosines = torch.nn.functional.cosine_similarity(words[0][:, None], queries[0][None], dim=2)
    scores = torch.where(cosines > 0, cosines, 0.1 * cosines)
    scores = scores / scores.norm(dim=1, keepdim=True)
    expected = (9.0 * scores).softmax(dim=0).T
    assert torch.allclose(attention(queries, words, valid(1, 3), valid(1, 2), 9.0)[0], expected, atol=1e-6)


def test_a_sentence_of_one_word_is_all_that_is_seen():
    queries, word = torch.randn(1, 3, 4), torch.randn(1, 1, 4)
    alpha = attention(queries, word, valid(1, 3), valid(1, 1), 4.0)
    assert torch.allclose(alpha @ word, word.expand(1, 3, 4))


def test_maps_before_the_attention_equal_maps_after_it():
    torch.manual_seed(0)
    refine = Refinement(6, 4.0).double()
    queries, words = torch.randn(1, 4, 6, dtype=torch.float64), torch.randn(1, 3, 6, dtype=torch.float64)
    image, text = Side(queries, valid(1, 4), queries[:, 0]), Side(words, valid(1, 3), words[:, 0])
    first = torch.zeros(1, dtype=torch.long)
    context = attention(queries, words, valid(1, 4), valid(1, 3), 4.0) @ words
    mixed = queries * torch.tanh(refine.scale(context)) + refine.shift(context)
    expected = queries + refine.outer(torch.relu(refine.inner(mixed)))
    assert torch.allclose(refine(image, text, first, first), expected, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing_of_what_is_read_out(training):
    torch.manual_seed(0)
    read = Readout(5).train(training)
    rows = torch.randn(2, 4, 5)
    padded = torch.cat([rows, torch.full((2, 3, 5), 9.0)], dim=1)
    mask = torch.cat([valid(2, 4), ~valid(2, 3)], dim=1)
    assert torch.allclose(read(padded, mask), read(rows, valid(2, 4)), atol=1e-6)
