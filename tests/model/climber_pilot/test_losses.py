"""Losses against sums written out."""

import pytest
import torch

from model.climber_pilot.losses import full_softmax_loss, sampled_softmax_loss


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(3, 4, generator=generator, dtype=torch.float64),
        torch.randn(6, 4, generator=generator, dtype=torch.float64),
        torch.tensor([2, 0, 5]),
    )


def test_full_softmax(vectors):
    queries, items, targets = vectors
    expected = 0.0
    for query, target in zip(queries, targets, strict=True):
        scores = torch.stack([query @ item / 0.5 for item in items])
        expected += float(scores.exp().sum().log() - scores[target]) / 3
    assert float(full_softmax_loss(queries, items, targets, 0.5)) == pytest.approx(expected)


def test_full_softmax_over_allowed_items_only(vectors):
    queries, items, targets = vectors
    allowed = torch.zeros(3, 6, dtype=torch.bool)
    for row, target in enumerate(targets):
        allowed[row, [int(target), (int(target) + 1) % 6]] = True
    expected = 0.0
    for row, target in enumerate(targets.tolist()):
        pair = torch.stack([queries[row] @ items[target], queries[row] @ items[(target + 1) % 6]])
        expected += float(pair.exp().sum().log() - pair[0]) / 3
    assert float(full_softmax_loss(queries, items, targets, 1.0, allowed=allowed)) == pytest.approx(expected)


def test_sampled_softmax_with_every_item_once_is_the_full_softmax(vectors):
    queries, items, targets = vectors
    sampled = sampled_softmax_loss(queries, items, targets, 0.5, negatives=torch.arange(6), log_q=None)
    assert float(sampled) == pytest.approx(float(full_softmax_loss(queries, items, targets, 0.5)))


def test_log_q_makes_popular_negatives_unbiased(vectors):
    queries, items, targets = vectors
    draws = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    negatives = torch.repeat_interleave(torch.arange(6), draws.long())
    corrected = sampled_softmax_loss(queries, items, targets, 1.0, negatives=negatives, log_q=draws.log())
    expected = 0.0
    for query, target in zip(queries, targets.tolist(), strict=True):
        scores = items @ query
        # With the correction every item weighs exp(score) however often it was drawn; the target 1 / its own draws.
        others = sum(scores[j].exp() for j in range(6) if j != target)
        own = scores[target].exp() / draws[target]
        expected += float((own + others).log() - own.log()) / 3
    assert float(corrected) == pytest.approx(expected)
    uncorrected = sampled_softmax_loss(queries, items, targets, 1.0, negatives=negatives, log_q=None)
    assert float(uncorrected) != pytest.approx(expected)


def test_a_negative_that_is_the_target_does_not_count(vectors):
    queries, items, targets = vectors
    with_target = sampled_softmax_loss(queries, items, targets, 1.0, negatives=torch.tensor([1, 2, 0, 5]), log_q=None)
    expected = 0.0
    for query, target in zip(queries, targets.tolist(), strict=True):
        scores = items @ query
        chosen = [target, *(j for j in (1, 2, 0, 5) if j != target)]
        expected += float(scores[chosen].exp().sum().log() - scores[target]) / 3
    assert float(with_target) == pytest.approx(expected)


def test_bfloat16_logits_stay_close(vectors):
    queries, items, targets = (part.float() if part.is_floating_point() else part for part in vectors)
    exact = full_softmax_loss(queries, items, targets, 1.0)
    rough = full_softmax_loss(queries, items, targets, 1.0, precision=torch.bfloat16)
    assert rough.dtype == torch.float32
    assert float(rough) == pytest.approx(float(exact), rel=0.02)
    assert float(rough) != float(exact)
