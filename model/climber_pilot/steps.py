"""The network over a past that is kept: ExtendStep reads new events, BranchStep turns attention into query vectors.

Both are pure functions of tensors, batch first and without data-dependent Python, so that a runtime can compile or
export them. Positions and times enter as differences alone: what is kept of a past stays right while events are added.
Shapes: B users, L backbone layers, N0 past events, M new events, D width, H heads, R query rows.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels.guided_attention.relative_bias import first_distances, first_gaps_s
from model.climber_pilot.network import ClimberPilot, Layer

HIDDEN_LOGIT = -1e30


class ExtendStep(nn.Module):
    """The backbone's rows of new events over kept keys and values; a full pass where nothing is kept (N0 = 0)."""

    bias_tables: Tensor
    first_distances: Tensor
    first_gaps_s: Tensor

    def __init__(self, network: ClimberPilot) -> None:
        super().__init__()
        self.num_heads = network.config.num_heads
        self.scale = network.config.width**0.5
        self.time_buckets = network.config.time_buckets
        self.layers = network.layers
        self.branch = cast(Layer, network.branches[0])
        with torch.no_grad():
            tables = [joint_bias_table(layer) for layer in cast(list[Layer], self.layers)]
        # One lookup per pair and layer instead of two; the buckets of a pair are the same in every layer.
        self.register_buffer("bias_tables", torch.stack(tables), persistent=False)
        # Of its own, not the kernel's kept ones: while a graph is traced, those would be kept as traced tensors.
        distances, gaps_s = network.config.position_buckets, network.config.time_buckets
        self.register_buffer("first_distances", first_distances(distances, network.device).clone(), persistent=False)
        self.register_buffer("first_gaps_s", first_gaps_s(gaps_s, network.device).clone(), persistent=False)

    def forward(
        self,
        past_keys: Tensor,
        past_values: Tensor,
        past_time_s: Tensor,
        past_length: Tensor,
        new_vectors: Tensor,
        new_time_s: Tensor,
        new_length: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New keys and values [B, L + 1, M, D], the branch layer's last, and the newest event's row [B, D].

        past_keys, past_values: [B, L + 1, N0, D], heads side by side; past_time_s: [B, N0]; past_length: [B]
        new_vectors: [B, M, D] rows of `ClimberPilot.items()`; new_time_s: [B, M]; new_length: [B], at least 1
        Past and new events are right-padded each; what comes out beyond new_length means nothing.
        """
        bucket, hidden = self._pairs(past_time_s, past_length, new_time_s, new_length)
        rows = new_vectors * self.scale
        keys, values = [], []
        for number, layer in enumerate(cast(list[Layer], self.layers)):
            normed = layer.attention_norm(rows)
            key, value = layer.to_key_value(normed).chunk(2, -1)
            bias = self.bias_tables[number].index_select(1, bucket.flatten()).unflatten(1, bucket.shape).transpose(0, 1)
            attended = functional.scaled_dot_product_attention(
                self._heads(layer.to_query(normed)),
                self._heads(torch.cat([past_keys[:, number], key], 1)),
                self._heads(torch.cat([past_values[:, number], value], 1)),
                attn_mask=bias.masked_fill(hidden.unsqueeze(1), HIDDEN_LOGIT),
            )
            rows = rows + layer.to_output(attended.transpose(1, 2).flatten(2))
            rows = rows + layer.feed_forward(rows)
            keys.append(key)
            values.append(value)
        key, value = self.branch.to_key_value(self.branch.attention_norm(rows)).chunk(2, -1)
        newest = (new_length - 1)[:, None, None].expand(-1, 1, rows.shape[2])
        last_row = rows.gather(1, newest).squeeze(1)
        return torch.stack([*keys, key], 1), torch.stack([*values, value], 1), last_row

    def _pairs(
        self, past_time_s: Tensor, past_length: Tensor, new_time_s: Tensor, new_length: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Joint bias bucket and invisibility of every new event and key, both [B, M, N0 + M]."""
        past = torch.arange(past_time_s.shape[1], device=past_time_s.device)
        new = torch.arange(new_time_s.shape[1], device=past_time_s.device)
        query_position = past_length[:, None] + new
        key_position = torch.cat([past.expand_as(past_time_s), query_position], 1)
        real = torch.cat([past < past_length[:, None], new < new_length[:, None]], 1)
        distance = query_position[:, :, None] - key_position[:, None, :]
        gap_s = new_time_s[:, :, None] - torch.cat([past_time_s, new_time_s], 1)[:, None, :]
        bucket = torch.bucketize(distance, self.first_distances, right=True) * self.time_buckets
        bucket = bucket + torch.bucketize(gap_s, self.first_gaps_s, right=True)
        return bucket, (distance < 0) | ~real[:, None, :]

    def _heads(self, rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class BranchStep(nn.Module):
    """What branch 1 does with its attention: output projection, feed-forward, request clock, norm."""

    def __init__(self, network: ClimberPilot) -> None:
        super().__init__()
        self.branch = cast(Layer, network.branches[0])
        self.norm = cast(nn.LayerNorm, network.branch_norms[0])
        self.normalise = network.config.normalise

    def forward(self, attended: Tensor, last_rows: Tensor, clock: Tensor) -> Tensor:
        """Query vectors [R, D].

        attended: [R, D], heads side by side, before the output projection; last_rows: [R, D], from ExtendStep
        clock: [R, D], what the request clock adds, zeros without one
        """
        rows = last_rows + self.branch.to_output(attended)
        rows = self.norm(rows + self.branch.feed_forward(rows) + clock)
        return functional.normalize(rows, dim=-1) if self.normalise else rows


def joint_bias_table(layer: Layer) -> Tensor:
    """Position and time bias of a layer as one table, [H, position buckets * time buckets], time fastest."""
    return (layer.position_table[:, :, None] + layer.time_table[:, None, :]).flatten(1)
