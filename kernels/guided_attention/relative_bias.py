"""Relative position and time bias: small tables that attention logits are looked up from."""

from typing import NamedTuple

import torch
from torch import Tensor

EXACT_POSITIONS = 16
"""Distances below this have a bucket each; larger ones share buckets that grow by powers of sqrt(2)."""


class RelativeBias(NamedTuple):
    """Bias tables and the queries' own times.

    position_table: [H, position buckets]; time_table: [H, time buckets] or None; query_time_s: [B, Q] int64 or None.
    """

    position_table: Tensor
    time_table: Tensor | None = None
    query_time_s: Tensor | None = None


def position_bucket(distance: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a distance in positions (>= 0): exact while short, logarithmic after, the last one open-ended."""
    far = distance.clamp(min=EXACT_POSITIONS).to(torch.float32) / EXACT_POSITIONS
    bucket = torch.where(distance < EXACT_POSITIONS, distance, EXACT_POSITIONS + (2 * far.log2()).long())
    return bucket.clamp(0, num_buckets - 1)


def time_bucket(gap_s: Tensor, num_buckets: int) -> Tensor:
    """Bucket of a time gap in seconds: floor(log2(1 + gap)), the last one open-ended; negative gaps count as zero."""
    return (gap_s.clamp(min=0).to(torch.float64) + 1).log2().long().clamp(max=num_buckets - 1)


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
