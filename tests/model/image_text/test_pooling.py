"""GPO: what its result depends on, and what it does not."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.image_text.pooling import GeneralisedPooling

TORCH_SEED = 0


@pytest.fixture(scope="module")
def pool():
    torch.manual_seed(TORCH_SEED)
    return GeneralisedPooling().eval().requires_grad_(False)


def test_it_has_the_published_number_of_parameters(pool):
    assert sum(one.numel() for one in pool.parameters()) == 12_704


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(0, 1000))
def test_order_and_padding_change_nothing(pool, length, padding, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(1, length, 6, generator=generator)
    mask = torch.ones(1, length, dtype=torch.bool)
    expected = pool(rows, mask)
    places = torch.randperm(length + padding, generator=generator)
    padded = torch.cat([rows, torch.full((1, padding, 6), 77.0)], dim=1)[:, places]
    kept = torch.cat([mask, torch.zeros(1, padding, dtype=torch.bool)], dim=1)[:, places]
    assert torch.allclose(pool(padded, kept), expected, atol=1e-6)


def test_theta_sums_to_one_and_a_constant_set_is_its_constant(pool):
    lengths = torch.tensor([1, 4, 7, 4])
    theta = pool.theta(lengths, 8)
    assert torch.allclose(theta.sum(dim=1), torch.ones(4), atol=1e-6)
    assert (theta[0, 1:] == 0).all()
    constant = torch.full((1, 5, 3), 2.5)
    assert torch.allclose(pool(constant, torch.ones(1, 5, dtype=torch.bool)), torch.full((1, 3), 2.5), atol=1e-5)


def test_the_rows_are_sorted_within_each_channel(pool):
    rows = torch.randn(1, 5, 4)
    expected = (pool.theta(torch.tensor([5]), 5)[0, :, None] * rows[0].sort(dim=0, descending=True).values).sum(dim=0)
    assert torch.allclose(pool(rows, torch.ones(1, 5, dtype=torch.bool))[0], expected, atol=1e-6)


def test_without_gradients_theta_is_looked_up_until_the_weights_change(pool):
    pool, lengths = copy.deepcopy(pool), torch.tensor([3, 8, 1])
    with_gradients = pool.theta(lengths, 8)
    with torch.inference_mode():
        assert torch.allclose(pool.theta(lengths, 8), with_gradients, atol=1e-6)
    with torch.no_grad():
        pool.weigh.weight.mul_(-2)
        changed = pool.theta(lengths, 8)
    assert not torch.allclose(changed, with_gradients, atol=1e-3)
    assert torch.allclose(changed, pool.theta(lengths, 8), atol=1e-6)


def test_what_training_changes_is_looked_up_anew_by_the_next_validation(pool):
    pool, lengths = copy.deepcopy(pool).requires_grad_(True), torch.tensor([3, 8, 1])
    optimizer = torch.optim.AdamW(pool.parameters(), 0.1, fused=True)
    for _ in range(3):
        pool.train()
        pool.theta(lengths, 8)[1, 0].backward()
        optimizer.step()
        pool.eval()
        with torch.no_grad():
            looked_up = pool.theta(lengths, 8)
        assert torch.allclose(looked_up, pool.theta(lengths, 8), atol=1e-6)
