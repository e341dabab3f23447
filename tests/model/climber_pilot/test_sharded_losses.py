"""Losses over spread items: values and every gradient equal losses.py's over the whole catalogue, in float64."""

import pytest
import torch

from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.item_encoder import ItemEncoder
from model.climber_pilot.losses import eligible_softmax_loss, full_softmax_loss, sampled_softmax_loss
from model.climber_pilot.sharded_items import ShardedItemEncoder
from model.climber_pilot.sharded_losses import sharded_sampled_loss, sharded_softmax_loss
from tests.model.climber_pilot.worlds import small_catalogue
from tests.model.processes import on_ranks

TEMPERATURE = 0.3
NUM_ITEMS = 40
SHARES = [slice(0, 5), slice(5, 5), slice(5, 300)]  # a rank without queries, and more than one chunk


def question():
    random = torch.Generator().manual_seed(5)
    queries = torch.randn(300, 6, dtype=torch.float64, generator=random)
    vectors = torch.randn(NUM_ITEMS, 6, dtype=torch.float64, generator=random)
    targets = torch.randint(NUM_ITEMS, (300,), generator=random)
    entries = torch.randint(1, 4, (300,), generator=random)
    eligible = torch.rand(4, NUM_ITEMS, generator=random) < 0.4
    eligible[entries, targets] = True
    negatives = torch.randint(NUM_ITEMS, (30,), generator=random)
    log_q = torch.rand(NUM_ITEMS, dtype=torch.float64, generator=random).log()
    return queries, vectors, targets, entries, eligible, negatives, log_q


def whole(kind, queries, vectors, targets, entries, eligible, negatives, log_q):
    if kind == "eligible":
        return eligible_softmax_loss(queries, vectors, targets, TEMPERATURE, eligible=eligible, entries=entries)
    if kind == "sampled":
        return sampled_softmax_loss(queries, vectors, targets, TEMPERATURE, negatives=negatives, log_q=log_q)
    smoothing = 0.1 if kind == "smoothed" else 0.0
    return full_softmax_loss(queries, vectors, targets, TEMPERATURE, label_smoothing=smoothing)


def part(ranks, kind):
    queries, vectors, targets, entries, eligible, negatives, log_q = question()
    share = SHARES[ranks.rank]
    torch.manual_seed(0)
    items = ShardedItemEncoder(ItemEncoder(NetworkConfig(width=6, num_heads=1), small_catalogue(NUM_ITEMS)), ranks)
    own_queries = queries[share].clone().requires_grad_()
    own_vectors = vectors[items.own].clone().requires_grad_()
    if kind == "sampled":
        loss = sharded_sampled_loss(
            own_queries, own_vectors, targets[share], TEMPERATURE, items, negatives=negatives, log_q=log_q
        )
    else:
        asked = {"eligible": eligible, "entries": entries[share]} if kind == "eligible" else {}
        smoothing = 0.1 if kind == "smoothed" else 0.0
        loss = sharded_softmax_loss(
            own_queries, own_vectors, targets[share], TEMPERATURE, items, label_smoothing=smoothing, **asked
        )
    (2 * loss).backward()
    query_gradient = torch.zeros_like(own_queries) if own_queries.grad is None else own_queries.grad
    return float(loss.detach()), query_gradient.numpy(), items.own.numpy(), own_vectors.grad.numpy()


def parts(ranks):
    return {kind: part(ranks, kind) for kind in ("full", "smoothed", "eligible", "sampled")}


@pytest.fixture(scope="module")
def answers():
    return on_ranks(3, parts)


@pytest.mark.parametrize("kind", ["full", "smoothed", "eligible", "sampled"])
def test_the_parts_add_up_to_the_definition(answers, kind):
    queries, vectors, *others = question()
    queries.requires_grad_()
    vectors.requires_grad_()
    loss = whole(kind, queries, vectors, *others) * len(queries)
    (2 * loss).backward()
    found = [answer[kind] for answer in answers]
    assert sum(value for value, *_ in found) == pytest.approx(float(loss.detach()), rel=1e-12)
    query_gradient = torch.cat([torch.from_numpy(gradient) for _, gradient, *_ in found])
    torch.testing.assert_close(query_gradient, queries.grad, rtol=1e-10, atol=1e-12)
    owners = torch.cat([torch.from_numpy(own) for _, _, own, _ in found])
    assert sorted(owners.tolist()) == list(range(NUM_ITEMS))
    vector_gradient = torch.cat([torch.from_numpy(gradient) for *_, gradient in found])
    torch.testing.assert_close(vector_gradient, vectors.grad[owners], rtol=1e-10, atol=1e-12)
