"""BiasBuckets against the kernel's buckets, pair by pair."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.guided_attention.relative_bias import position_bucket, time_bucket
from model.climber_pilot.bias_buckets import BiasBuckets
from model.climber_pilot.config import NetworkConfig

# Gaps at both sides of a bucket's edge, and the longest there are.
gaps_s = st.one_of(
    st.integers(0, 400), st.builds(lambda b, off: 2**b - 1 + off, st.integers(1, 40), st.integers(-1, 1))
)


@given(st.lists(gaps_s, min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 40), st.integers(1, 40))
def test_every_pair_falls_into_the_kernels_buckets(gaps, first, position_buckets, time_buckets):
    config = NetworkConfig(max_history=40, position_buckets=position_buckets, time_buckets=time_buckets)
    time_s = np.cumsum(gaps)
    first = min(first, len(gaps) - 1)
    buckets = BiasBuckets(config)
    got = buckets.of(time_s, first)
    position = torch.arange(len(gaps))
    distance = position[first:, None] - position
    gap_s = torch.from_numpy(time_s[first:, None] - time_s)
    joint = position_bucket(distance, position_buckets) * time_buckets + time_bucket(gap_s, time_buckets)
    assert got.tolist() == torch.where(distance < 0, buckets.hidden, joint).tolist()
