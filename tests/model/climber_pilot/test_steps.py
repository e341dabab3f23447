"""ExtendStep and BranchStep against the network they are taken from."""

import pytest
import torch

from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.network import HistoryBatch
from model.climber_pilot.steps import BranchStep, ExtendStep
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_catalogue, small_network
from tests.tolerances import TOLERANCES

SIZES = {"num_layers": 3, "num_heads": 4}


def events_of(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths))
    time_s = torch.randint(0, 90_000, shape, generator=generator).cumsum(1)
    return torch.randint(0, 40, shape, generator=generator), time_s, torch.tensor(lengths)


def nothing(model, num_users):
    kept = torch.zeros(num_users, len(model.layers) + 1, 0, model.config.width)
    return kept, kept, torch.zeros(num_users, 0, dtype=torch.int64), torch.zeros(num_users, dtype=torch.int64)


@torch.no_grad()
def test_a_full_pass_is_the_backbone():
    model = small_network(small_catalogue(), **SIZES)
    rows, time_s, lengths = events_of([1, 5, 23])
    vectors = model.items()
    states = model.backbone(vectors, HistoryBatch(rows, time_s, lengths))
    keys, values, last = ExtendStep(model)(*nothing(model, 3), vectors[rows], time_s, lengths)
    torch.testing.assert_close(last, states[torch.arange(3), lengths - 1], **TOLERANCES[torch.float32])
    branch = model.branches[0]
    expected = branch.to_key_value(branch.attention_norm(states)).chunk(2, -1)
    for i, length in enumerate(lengths):
        for got, all_layers in zip(expected, (keys, values), strict=True):
            torch.testing.assert_close(all_layers[i, -1, :length], got[i, :length], **TOLERANCES[torch.float32])


@torch.no_grad()
@pytest.mark.parametrize("new", [[1, 1, 1], [3, 1, 7]])
def test_new_events_over_kept_ones_are_a_full_pass(new):
    """Garbage in the padding of the past must not matter either."""
    model = small_network(small_catalogue(), **SIZES)
    past, (rows, time_s, lengths) = torch.tensor([6, 1, 16]), events_of([6 + new[0], 1 + new[1], 16 + new[2]])
    step, vectors = ExtendStep(model), model.items()
    keys, values, last = step(*nothing(model, 3), vectors[rows], time_s, lengths)
    inside = torch.arange(16) < past[:, None]
    wrong = torch.tensor(7.5)
    kept = [torch.where(inside[:, None, :, None], part[:, :, :16], wrong) for part in (keys, values)]
    kept_time_s = torch.where(inside, time_s[:, :16], 1 << 40)
    taken = (past[:, None] + torch.arange(max(new))).clamp(max=rows.shape[1] - 1)
    added_keys, added_values, added_last = step(
        *kept, kept_time_s, past, vectors[rows.gather(1, taken)], time_s.gather(1, taken), torch.tensor(new)
    )
    torch.testing.assert_close(added_last, last, **TOLERANCES[torch.float32])
    for i, count in enumerate(new):
        own = slice(past[i], past[i] + count)
        torch.testing.assert_close(added_keys[i, :, :count], keys[i, :, own], **TOLERANCES[torch.float32])
        torch.testing.assert_close(added_values[i, :, :count], values[i, :, own], **TOLERANCES[torch.float32])


@torch.no_grad()
@pytest.mark.parametrize("normalise", [True, False])
def test_the_branch_step_ends_in_query_vectors(normalise):
    """A condition that hides everything leaves its own value as what is attended to."""
    model = small_network(small_catalogue(), request_clock=True, normalise=normalise, **SIZES)
    rows, time_s, lengths = events_of([5, 9])
    nowhere = Condition.build(all_of=[0], none_of=[0])
    conditions = ConditionBatch(condition_table([nowhere], 1), torch.zeros(2, 1, dtype=torch.int64))
    asked_s = time_s[torch.arange(2), lengths - 1] + 5_000
    expected = model.query_vectors(model.items(), HistoryBatch(rows, time_s, lengths), conditions, asked_s)
    last = ExtendStep(model)(*nothing(model, 2), model.items()[rows], time_s, lengths)[2]
    own_value = model.branches[0].to_key_value(model.condition_tokens(conditions.table)).chunk(2, -1)[1]
    clock = model.clock(asked_s, asked_s - 5_000)
    got = BranchStep(model)(own_value.expand(2, -1), last, clock)
    torch.testing.assert_close(got, expected[:, 0], **TOLERANCES[torch.float32])
