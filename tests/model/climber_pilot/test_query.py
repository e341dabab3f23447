"""BranchQuery and ArrayClock against their definitions, in the corners that whole histories seldom reach."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.query import ArrayClock, BranchQuery
from model.climber_pilot.request_clock import PERIODS, RequestClock
from model.climber_pilot.steps import BranchStep
from model.climber_pilot.user_state import KeptRows, TowerState
from tests.model.climber_pilot.worlds import small_catalogue, small_network

HEADS, WIDTH = 2, 16


@pytest.fixture(scope="module")
def network():
    return small_network(small_catalogue(), num_heads=HEADS)


def state_of(logits, seed=0):
    """A state whose branch keys have these logits [H, N]; everything else is random."""
    rng = np.random.default_rng(seed)
    num_events = logits.shape[1]
    kept = KeptRows(1, 0, WIDTH).grown(0, num_events, num_events)
    kept.values[:] = rng.standard_normal(kept.values.shape)
    peak = logits.max(1)
    weights = np.exp(logits - peak[:, None]).T[:, :, None]
    values = kept.values[-1, :num_events].reshape(num_events, HEADS, -1)
    weighted = np.concatenate([values * weights, weights], 2).reshape(num_events, -1)
    rows = rng.standard_normal((2, WIDTH)).astype(np.float32)
    return TowerState(kept, rows[0] - rows[0].mean(), rows[1], logits, peak, weighted)


def definition(network, state, shown, token):
    """A softmax in float64 over the events shown and the condition's own key, then BranchStep."""
    key, value = token[:WIDTH], token[WIDTH:].reshape(HEADS, -1)[:, :-1]
    values = state.kept.values[-1, : len(shown)].reshape(len(shown), HEADS, -1)
    own_logit = (state.query * key).reshape(HEADS, -1).sum(1)
    logits = np.concatenate([np.where(shown > 0, state.logits, -np.inf), own_logit[:, None]], 1).astype(np.float64)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    attended = np.einsum("hn,nhd->hd", weights, np.concatenate([values, value[None]])).reshape(1, -1)
    rows = [torch.from_numpy(part.astype(np.float32)) for part in (attended, state.last_row[None])]
    with torch.no_grad():
        return BranchStep(network)(*rows, torch.zeros(1, WIDTH)).numpy()[0]


@pytest.mark.parametrize("peak", [0.0, 30.0, 100.0, -100.0])
def test_a_condition_may_hide_all_that_weighs_or_outweigh_it(network, peak):
    """Event 0 towers over the others; whoever hides it must still tell those apart."""
    branch = BranchQuery(network)
    logits = np.random.default_rng(1).standard_normal((HEADS, 9)).astype(np.float32)
    logits[:, 0] += peak
    state = state_of(logits)
    shown = np.ones((3, 9), dtype=np.float32)
    shown[1, 0] = shown[2, :] = 0.0
    rng = np.random.default_rng(2)
    key_values = rng.standard_normal((3, 2 * WIDTH)).astype(np.float32) * np.float32(1 + abs(peak) / 3)
    tokens = np.stack([branch.token(key_value) for key_value in key_values])
    got = branch.vectors([state], [shown], tokens)
    expected = [definition(network, state, *pair) for pair in zip(shown, tokens, strict=True)]
    np.testing.assert_allclose(got, expected, atol=2e-5, rtol=1e-5)


def test_a_batch_is_its_users_one_by_one(network):
    branch, rng = BranchQuery(network), np.random.default_rng(3)
    states = [state_of(rng.standard_normal((HEADS, n)).astype(np.float32) * 20, seed=n) for n in (1, 4, 30)]
    visible = [
        (rng.random((p, state.logits.shape[1])) < 0.3).astype(np.float32)
        for p, state in zip((2, 1, 16), states, strict=True)
    ]
    tokens = np.stack([branch.token(rng.standard_normal(2 * WIDTH).astype(np.float32)) for _ in range(19)])
    together = branch.vectors(states, visible, tokens)
    alone = [
        branch.vectors([state], [shown], own)
        for state, shown, own in zip(states, visible, np.split(tokens, [2, 3]), strict=True)
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(-100, 3_000_000_000), st.integers(-5_000, 2_000_000_000), st.sampled_from([86_400, 2_592_000]))
def test_the_clock_is_the_networks(read_time_s, later_s, period_s):
    model = small_network(small_catalogue(), width=8, request_clock=True, clock_period_s=period_s)
    model.clock.trained_periods[:] = torch.tensor([3, 700])
    expected = model.clock(torch.tensor([read_time_s + later_s]), torch.tensor([read_time_s]))[0].detach().numpy()
    got = ArrayClock(model)(read_time_s + later_s, read_time_s)
    np.testing.assert_allclose(got, expected - expected.mean(), atol=1e-6)
    untrained = RequestClock(NetworkConfig(width=8))
    assert untrained.trained_periods.tolist() == [0, PERIODS - 1]
