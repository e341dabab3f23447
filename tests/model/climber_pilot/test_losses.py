"""Losses against sums written out."""

import pytest
import torch

from model.climber_pilot.losses import eligible_softmax_loss, full_softmax_loss, sampled_softmax_loss


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


@pytest.mark.parametrize("rows", [1, 255, 256, 700])
@pytest.mark.parametrize("variant", ["plain", "smoothed", "allowed"])
def test_chunks_equal_the_cross_entropy_of_the_whole_with_every_gradient(rows, variant):
    generator = torch.Generator().manual_seed(rows)
    queries = torch.randn(rows, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    items = torch.randn(40, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(40, (rows,), generator=generator)
    smoothing = 0.2 if variant == "smoothed" else 0.0
    allowed = None
    logits = queries @ items.T / 0.3
    if variant == "allowed":
        allowed = torch.rand(rows, 40, generator=generator) < 0.3
        allowed[torch.arange(rows), targets] = True
        logits = logits.masked_fill(~allowed, float("-inf"))
    expected = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    got = full_softmax_loss(queries, items, targets, 0.3, label_smoothing=smoothing, allowed=allowed)
    torch.testing.assert_close(got, expected)
    wanted = torch.autograd.grad(3 * expected, [queries, items])
    found = torch.autograd.grad(3 * got, [queries, items])
    torch.testing.assert_close(found, wanted)


def test_bfloat16_logits_stay_close():
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(300, 32, generator=generator).requires_grad_()
    items = torch.randn(500, 32, generator=generator).requires_grad_()
    targets = torch.randint(500, (300,), generator=generator)
    losses, gradients = [], []
    for precision in (torch.float32, torch.bfloat16):
        losses.append(full_softmax_loss(queries, items, targets, 5.0, precision=precision))
        gradients.append(torch.autograd.grad(losses[-1], [queries, items]))
    assert losses[1].dtype == torch.float32
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.01)
    for exact, rough in zip(*gradients, strict=True):
        assert 0 < float((rough - exact).norm() / exact.norm()) < 0.01


def test_smoothing_and_allowed_items_exclude_each_other(vectors):
    queries, items, targets = vectors
    with pytest.raises(ValueError, match="label smoothing"):
        full_softmax_loss(queries, items, targets, 1.0, label_smoothing=0.1, allowed=torch.ones(3, 6, dtype=torch.bool))


@pytest.mark.parametrize("rows", [1, 256, 700])
def test_the_eligible_softmax_equals_the_masked_cross_entropy_with_every_gradient(rows):
    generator = torch.Generator().manual_seed(rows)
    queries = torch.randn(rows, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    items = torch.randn(40, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    # Overlapping conditions, one of a single item.
    eligible = torch.rand(5, 40, generator=generator) < 0.3
    eligible[4] = False
    eligible[4, 7] = True
    entries = torch.randint(5, (rows,), generator=generator)
    targets = torch.stack([torch.multinomial(eligible[e].float(), 1, generator=generator)[0] for e in entries])
    logits = (queries @ items.T / 0.3).masked_fill(~eligible[entries], float("-inf"))
    expected = torch.nn.functional.cross_entropy(logits, targets)
    got = eligible_softmax_loss(queries, items, targets, 0.3, eligible=eligible, entries=entries)
    torch.testing.assert_close(got, expected)
    wanted = torch.autograd.grad(3 * expected, [queries, items])
    found = torch.autograd.grad(3 * got, [queries, items])
    torch.testing.assert_close(found, wanted)
