"""Transformer parts that keep their keys and values, so that a text grows by one word at the cost of one word."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeysValues(NamedTuple):
    """Keys and values of T places: [B, H, T, D / H] each."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Multi-head attention over given keys and values."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def read(self, context: Tensor) -> KeysValues:
        """Keys and values of a context [B, T, D]."""
        keys, values = self.key_value(context).chunk(2, dim=-1)
        return KeysValues(self._split(keys), self._split(values))

    def forward(self, hidden: Tensor, kept: KeysValues, causal: bool = False) -> Tensor:
        """hidden [B, N, D] asks the places kept; causal: each place sees itself and those before it."""
        query = self._split(self.query(hidden))
        found = functional.scaled_dot_product_attention(query, kept.keys, kept.values, is_causal=causal)
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, hidden: Tensor) -> Tensor:
        return hidden.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class EncoderBlock(nn.Module):
    """Self-attention and feed-forward, each normed before and added after."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(width, num_heads), FeedForward(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        normed = self.norms[0](hidden)
        hidden = hidden + self.dropout(self.attention(normed, self.attention.read(normed)))
        return hidden + self.dropout(self.feed_forward(self.norms[1](hidden)))


class DecoderBlock(nn.Module):
    """Causal self-attention, cross-attention over the memory, feed-forward."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(width, num_heads)
        self.cross_attention = Attention(width, num_heads)
        self.feed_forward = FeedForward(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, memory: KeysValues) -> Tensor:
        """A whole text [B, N, D] at once, as training has it."""
        normed = self.norms[0](hidden)
        hidden = hidden + self.dropout(self.self_attention(normed, self.self_attention.read(normed), causal=True))
        return self._after(hidden, memory)

    def step(self, hidden: Tensor, past: KeysValues, memory: KeysValues) -> tuple[Tensor, KeysValues]:
        """The next place [B, 1, D] after those kept; returns them with the new one."""
        normed = self.norms[0](hidden)
        new = self.self_attention.read(normed)
        kept = KeysValues(torch.cat([past.keys, new.keys], 2), torch.cat([past.values, new.values], 2))
        return self._after(hidden + self.self_attention(normed, kept), memory), kept

    def _after(self, hidden: Tensor, memory: KeysValues) -> Tensor:
        hidden = hidden + self.dropout(self.cross_attention(self.norms[1](hidden), memory))
        return hidden + self.dropout(self.feed_forward(self.norms[2](hidden)))
