"""Graphs: attention from action units to each other, to pixels and to channels, and the cell that fuses two views."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


class NodeAttention(nn.Module):
    """Multi-head attention from N nodes to M: weights = softmax(score + bias), output = sum of weights * values.

    score "dot": (W q) . (U k) / sqrt(d / K); "additive": LeakyReLU(a . [W q, U k]) of graph attention networks.
    """

    def __init__(self, width: int, num_heads: int, score: Literal["dot", "additive"]) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.direction: nn.Parameter | None = None
        if score == "additive":
            self.direction = nn.Parameter(torch.randn(2, num_heads, width // num_heads) / math.sqrt(width // num_heads))

    def forward(self, nodes: Tensor, others: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """nodes [B, N, d], others [B, M, d], bias [N, M] -> output [B, N, d], weights [B, K, N, M] (rows sum to 1)."""
        queries, keys, values = (
            self._split(projection) for projection in (self.query(nodes), self.key(others), self.value(others))
        )
        if self.direction is None:
            scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
        else:
            from_query, from_key = self.direction.unsqueeze(2)
            scores = (queries * from_query).sum(-1)[..., :, None] + (keys * from_key).sum(-1)[..., None, :]
            scores = functional.leaky_relu(scores, 0.2)
        if bias is not None:
            scores = scores + bias
        weights = scores.softmax(dim=-1)
        return (weights @ values).transpose(1, 2).flatten(2), weights

    def _split(self, projected: Tensor) -> Tensor:
        return projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class RegionGraph(nn.Module):
    """Action units exchange what their regions show: v'_i = v_i + ReLU(sum_j a_ij W v_j).

    The prior P_ij = P(AU_j | AU_i) enters each score times a strength that is learned from 0.
    """

    def __init__(self, width: int, num_heads: int, score: Literal["dot", "additive"]) -> None:
        super().__init__()
        self.attention = NodeAttention(width, num_heads, score)
        self.prior_strength = nn.Parameter(torch.zeros(()))

    def forward(self, nodes: Tensor, prior: Tensor) -> Tensor:
        """nodes [B, N, d], prior [N, N] -> [B, N, d]."""
        received, _ = self.attention(nodes, nodes, self.prior_strength * prior)
        return nodes + functional.relu(received)


class GatedFusion(nn.Module):
    """g = sigmoid(W_a x + W_b y); GFC(x, y) = g * |W_c x| + (1 - g) * |W_d y|, |.| the vector of length 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.first = nn.Linear(width, width, bias=False)
        self.second = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y [..., d] -> [..., d]."""
        gate = torch.sigmoid(self.gate(torch.cat([x, y], dim=-1)))
        first, second = (functional.normalize(one, dim=-1) for one in (self.first(x), self.second(y)))
        return gate * first + (1 - gate) * second


class MultiLevelLayer(nn.Module):
    """One MGRR layer: regions exchange, each looks at the pixels and channels of the whole face, and all is fused.

    u_i = GFC(x_i, y_i), v_i = GFC(v'_i, u_i); with one of the two whole-face levels u_i is that one.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        score: Literal["dot", "additive"],
        *,
        region_graph: bool,
        pixel_graph: bool,
        channel_graph: bool,
    ) -> None:
        super().__init__()
        self.regions = RegionGraph(width, num_heads, score) if region_graph else None
        self.pixels = NodeAttention(width, num_heads, score) if pixel_graph else None
        self.channels = NodeAttention(width, num_heads, score) if channel_graph else None
        self.whole = GatedFusion(width) if pixel_graph and channel_graph else None
        self.fusion = GatedFusion(width) if pixel_graph or channel_graph else None

    def forward(self, nodes: Tensor, prior: Tensor, pixels: Tensor | None, channels: Tensor | None) -> Tensor:
        """nodes [B, N, d], prior [N, N], pixels [B, hw, d], channels [B, C, d] -> nodes [B, N, d]."""
        if self.regions is not None:
            nodes = self.regions(nodes, prior)
        if self.fusion is None:
            return nodes
        views = []
        for attention, others in ((self.pixels, pixels), (self.channels, channels)):
            if attention is not None:
                views.append(attention(nodes, others)[0])
        whole = views[0] if self.whole is None else self.whole(*views)
        fused: Tensor = self.fusion(nodes, whole)
        return fused
