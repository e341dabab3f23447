"""Relative position and time bias: small tables that attention logits are looked up from."""

from functools import cache
from math import isqrt
from typing import NamedTuple

import torch
from torch import Tensor

EXACT_POSITIONS = 16
"""Distances below this have a bucket each; larger ones share buckets that grow by powers of sqrt(2)."""
MAX_POSITION_BUCKETS, MAX_TIME_BUCKETS = 39, 31
"""No distance or gap lies beyond these buckets: 32,768 positions, 34 years."""


class RelativeBias(NamedTuple):
    """Bias tables and the queries' own times.

    position_table: [H, position buckets]; time_table: [H, time buckets] or None; query_time_s: [B, Q] int64 or None.
    """

    position_table: Tensor
    time_table: Tensor | None = None
    query_time_s: Tensor | None = None


def position_bucket(distance: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a distance in positions: exact while short, then floor(2 log2(d / 16)) + 16, the last one open-ended.

    A negative distance counts as zero.
    """
    return torch.bucketize(distance, first_distances(num_buckets, distance.device), right=True)


def time_bucket(gap_s: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a time gap in seconds: floor(log2(1 + gap)), the last one open-ended; negative gaps count as zero."""
    return torch.bucketize(gap_s, first_gaps_s(num_buckets, gap_s.device), right=True)


@cache
def first_distances(num_buckets: int, device: torch.device) -> Tensor:
    """The smallest distance of every position bucket but the first: integers, so that backends agree on every pair."""
    # floor(2 log2 d) is floor(log2 d^2), and EXACT_POSITIONS^2 is 2^8.
    first = [b if b <= EXACT_POSITIONS else isqrt(2 ** (b - 8) - 1) + 1 for b in range(1, MAX_POSITION_BUCKETS)]
    return _constant(first[: num_buckets - 1], device)


@cache
def first_gaps_s(num_buckets: int, device: torch.device) -> Tensor:
    """The smallest gap in seconds of every time bucket but the first."""
    return _constant([2**b - 1 for b in range(1, MAX_TIME_BUCKETS)][: num_buckets - 1], device)


def _constant(numbers: list[int], device: torch.device) -> Tensor:
    # Kept for later calls, which may well be training.
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=torch.int64, device=device)


def bias_logits(bias: RelativeBias, query_position: Tensor, num_keys: int, key_time_s: Tensor | None) -> Tensor:
    """Bias of every query-key pair, [B or 1, H, Q, N]. query_position: [B, Q]; key_time_s: [B, N].

    1 stands for B where there is no time table and all rows ask from the same positions by expansion.
    """
    if query_position.stride(0) == 0:
        query_position = query_position[:1]
    key_position = torch.arange(num_keys, device=query_position.device)
    distance = query_position.unsqueeze(2) - key_position
    logits = _entries(bias.position_table, position_bucket(distance, bias.position_table.shape[1]))
    if bias.time_table is not None:
        if bias.query_time_s is None or key_time_s is None:
            raise ValueError("expected query_time_s and key_time_s beside a time table, got None")
        gap_s = bias.query_time_s.unsqueeze(2) - key_time_s.unsqueeze(1)
        logits = logits + _entries(bias.time_table, time_bucket(gap_s, bias.time_table.shape[1]))
    return logits.transpose(0, 1)


def _entries(table: Tensor, bucket: Tensor) -> Tensor:
    """table[:, bucket] by index_select: several times faster on a CPU, forward and backward."""
    return table.index_select(1, bucket.flatten()).view(-1, *bucket.shape)
