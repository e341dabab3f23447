"""Relative position and time bias: small tables that attention logits are looked up from."""

from typing import NamedTuple

import torch
from torch import Tensor

EXACT_POSITIONS = 16
"""Distances below this have a bucket each; larger ones share buckets that grow by powers of sqrt(2)."""
MAX_DISTANCE = 2**15
"""Distances from here on share a bucket: the square still fits 32 bits."""
MAX_GAP_S = 2**31 - 2
"""Gaps from here on (68 years) share a bucket: one more second still fits 32 bits."""
_EXACT_OCTAVES = 8  # floor(log2(EXACT_POSITIONS ** 2))


class RelativeBias(NamedTuple):
    """Bias tables and the queries' own times.

    position_table: [H, position buckets]; time_table: [H, time buckets] or None; query_time_s: [B, Q] int64 or None.
    """

    position_table: Tensor
    time_table: Tensor | None = None
    query_time_s: Tensor | None = None


def position_bucket(distance: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a distance in positions (>= 0): exact while short, logarithmic after, the last one open-ended."""
    # floor(2 log2 d) is floor(log2 d^2): integers all the way, so that every backend agrees on every pair.
    square = distance.clamp(EXACT_POSITIONS, MAX_DISTANCE).long() ** 2
    far = _floor_log2(square) + EXACT_POSITIONS - _EXACT_OCTAVES
    return torch.where(distance < EXACT_POSITIONS, distance, far).clamp(0, num_buckets - 1)


def time_bucket(gap_s: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a time gap in seconds: floor(log2(1 + gap)), the last one open-ended; negative gaps count as zero."""
    return _floor_log2(gap_s.clamp(0, MAX_GAP_S) + 1).clamp(max=num_buckets - 1)


def _floor_log2(number: Tensor) -> Tensor:
    """Integer floor(log2(number)) of numbers below 2^53."""
    return (torch.frexp(number.to(torch.float64)).exponent - 1).long()


def bias_logits(bias: RelativeBias, query_position: Tensor, num_keys: int, key_time_s: Tensor | None) -> Tensor:
    """Bias of every query-key pair, [B, H, Q, N]. query_position: [B, Q]; key_time_s: [B, N]."""
    key_position = torch.arange(num_keys, device=query_position.device)
    distance = (query_position[:, :, None] - key_position).clamp(min=0)
    logits = bias.position_table[:, position_bucket(distance, bias.position_table.shape[1])]
    if bias.time_table is not None:
        if bias.query_time_s is None or key_time_s is None:
            raise ValueError("expected query_time_s and key_time_s beside a time table, got None")
        gap_s = bias.query_time_s[:, :, None] - key_time_s[:, None, :]
        logits = logits + bias.time_table[:, time_bucket(gap_s, bias.time_table.shape[1])]
    return logits.transpose(0, 1)
