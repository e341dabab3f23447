"""PairBias against the kernel's own bias, for batches whose users know different numbers of events."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.guided_attention.relative_bias import RelativeBias, bias_logits
from model.climber_pilot.runtimes.pair_bias import PairBias
from model.climber_pilot.steps import HIDDEN_LOGIT
from tests.model.climber_pilot.worlds import small_catalogue, small_network

NETWORK = small_network(small_catalogue(), max_history=12)
USERS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(0, 99)), min_size=1, max_size=3)


@given(users=USERS)
@settings(deadline=None, max_examples=60)
def test_it_is_the_bias_of_every_pair_and_hides_the_rest(users):
    num_past, num_new = (max(user[part] for user in users) for part in (0, 1))
    past_s, new_s = np.zeros((len(users), num_past), np.int64), np.zeros((len(users), num_new), np.int64)
    whole = []
    for number, (known, new, seed) in enumerate(users):
        gaps_s = 2 ** np.random.default_rng(seed).integers(0, 30, known + new)
        whole.append(1_700_000_000 + np.cumsum(gaps_s))
        past_s[number, :known], new_s[number, :new] = whole[-1][:known], whole[-1][known:]
    mask = PairBias(NETWORK)(past_s, np.array([known for known, _, _ in users]), new_s)
    for number, ((known, new, _), time_s) in enumerate(zip(users, whole, strict=True)):
        own = mask[:, :, number, :new]
        assert (np.delete(own, [*range(known), *range(num_past, num_past + new)], -1) == HIDDEN_LOGIT).all()
        kept = np.concatenate([own[..., :known], own[..., num_past : num_past + new]], -1)
        position, times = torch.arange(known, known + new)[None], torch.from_numpy(time_s)[None]
        ahead = torch.ones(new, known + new, dtype=torch.bool).triu(known + 1)
        for layer, got in zip(NETWORK.layers, kept, strict=True):
            bias = RelativeBias(layer.position_table, layer.time_table, times[:, known:])
            wanted = bias_logits(bias, position, known + new, times)[0].detach().masked_fill(ahead, HIDDEN_LOGIT)
            assert np.allclose(got, wanted.numpy(), atol=1e-6)
