"""Readout positions against the definition, and the equivalence of the mask and the readout once its leak is closed."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.climber_pilot.masks import readout_positions
from model.climber_pilot.network import HistoryBatch
from tests.model.climber_pilot.worlds import small_catalogue, small_network


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(st.integers(0, 50), min_size=1, max_size=12).map(sorted),
    padding=st.integers(0, 3),
    interval_s=st.one_of(st.none(), st.integers(0, 20)),
)
def test_readout_is_the_last_event_outside_the_interval(times, padding, interval_s):
    padded = torch.tensor([times + [0] * padding])
    found = readout_positions(padded, torch.tensor([len(times)]), interval_s)[0].tolist()
    for t, position in enumerate(found):
        if t >= len(times):
            assert position == -1
        elif interval_s is None:
            assert position == t - 1
        else:
            assert position == max((j for j in range(t) if times[j] < times[t] - interval_s), default=-1)


def world(seed=0):
    generator = torch.Generator().manual_seed(seed)
    catalogue = small_catalogue()
    time_s = torch.randint(0, 400, (1, 9), generator=generator).sort(1).values
    rows = torch.randperm(len(catalogue), generator=generator)[:9][None]
    return catalogue, rows, time_s, torch.tensor([9])


def test_mask_read_outside_the_interval_equals_the_readout():
    catalogue, rows, time_s, length = world()
    interval_s = 60
    masked = small_network(catalogue, safety_interval_s=interval_s)
    causal = small_network(catalogue, safety_interval_s=0)
    causal.load_state_dict(masked.state_dict())
    readout = readout_positions(time_s, length, interval_s)
    compared = 0
    for target in range(9):
        position = readout[:, target : target + 1]
        if int(position) < 0:
            continue
        literal = HistoryBatch(rows, time_s, length, time_s[:, target])
        raw = masked.items()
        for k in range(2):
            closed = masked.branch(k, masked.backbone(raw, literal), literal, position)
            plain = HistoryBatch(rows, time_s, length)
            expected = causal.branch(k, causal.backbone(raw, plain), plain, position)
            torch.testing.assert_close(closed, expected, atol=1e-5, rtol=1e-5)
            compared += 1
    assert compared > 4


def test_mask_at_row_n_leaks_the_masked_item_and_the_readout_does_not():
    catalogue, rows, time_s, length = world(1)
    interval_s, target = 60, 8
    # The event before the target lies inside the interval.
    time_s[0, target - 1] = time_s[0, target] - 10
    time_s[0, : target - 2] = time_s[0, : target - 2].clamp(max=int(time_s[0, target]) - 100)
    time_s = time_s.sort(1).values
    leaks = {}
    for mode in ("mask", "readout"):
        model = small_network(catalogue, safety_interval_s=interval_s if mode == "mask" else 0)
        raw = model.items().detach().requires_grad_()
        anchor = time_s[:, target] if mode == "mask" else None
        history = HistoryBatch(rows, time_s, length, anchor)
        readout = readout_positions(time_s, length, interval_s)[:, target : target + 1]
        position = torch.tensor([[target - 1]]) if mode == "mask" else readout
        assert int(readout) >= 0
        query = model.branch(0, model.backbone(raw, history), history, position)
        (gradient,) = torch.autograd.grad((query * torch.arange(1.0, query.shape[-1] + 1)).sum(), raw)
        inside = (time_s[0] >= time_s[0, target] - interval_s) & (torch.arange(9) < target)
        leaks[mode] = gradient[rows[0, inside]].abs().max()
        outside = gradient[rows[0, : int(readout) + 1]].abs().max()
        assert outside > 0
    assert leaks["mask"] > 0
    assert leaks["readout"] == 0
