"""DenseStep: ExtendStep without its integer work, what a graph or another precision runs."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.climber_pilot.network import ClimberPilot, Layer
from model.climber_pilot.runtimes.pair_bias import PairBias

DenseFunction = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


class DenseStep(nn.Module):
    """The backbone's layers over kept keys and values, under a given mask.

    plain_softmax: attention in operators that every graph format has, instead of torch's fused one.
    """

    def __init__(self, network: ClimberPilot, *, plain_softmax: bool = False) -> None:
        super().__init__()
        self.num_heads = network.config.num_heads
        self.scale = network.config.width**0.5
        self.layers = network.layers
        self.branch = cast(Layer, network.branches[0])
        self.plain_softmax = plain_softmax

    def forward(
        self, past_keys: Tensor, past_values: Tensor, mask: Tensor, new_vectors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New keys and values [B, L + 1, M, D] and the rows after the backbone [B, M, D].

        past_keys, past_values: [B, L, N0, D], the backbone's alone; new_vectors: [B, M, D]
        mask: [L, H, B, M, N0 + M], added to the logits
        """
        rows = new_vectors * self.scale
        keys, values = [], []
        for number, layer in enumerate(cast(list[Layer], self.layers)):
            normed = layer.attention_norm(rows)
            key, value = layer.to_key_value(normed).chunk(2, -1)
            attended = self._attend(
                self._heads(layer.to_query(normed)),
                self._heads(torch.cat([past_keys[:, number], key], 1)),
                self._heads(torch.cat([past_values[:, number], value], 1)),
                mask[number],
            )
            rows = rows + layer.to_output(attended.permute(1, 2, 0, 3).flatten(2))
            rows = rows + layer.feed_forward(rows)
            keys.append(key)
            values.append(value)
        key, value = self.branch.to_key_value(self.branch.attention_norm(rows)).chunk(2, -1)
        return torch.stack([*keys, key], 1), torch.stack([*values, value], 1), rows

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        if not self.plain_softmax:
            return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return torch.softmax(logits + mask, -1) @ value

    def _heads(self, rows: Tensor) -> Tensor:
        """[B, M, D] to [H, B, M, D / H]: heads first, as the mask has them."""
        return rows.unflatten(-1, (self.num_heads, -1)).permute(2, 0, 1, 3)


class DenseExtend:
    """Extend over a function of arrays with DenseStep's signature."""

    def __init__(self, network: ClimberPilot, dense: DenseFunction) -> None:
        self._mask = PairBias(network)
        self._dense = dense

    def __call__(
        self,
        past_keys: np.ndarray,
        past_values: np.ndarray,
        past_time_s: np.ndarray,
        past_length: np.ndarray,
        new_vectors: np.ndarray,
        new_time_s: np.ndarray,
        new_length: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See ExtendStep."""
        mask = self._mask(past_time_s, past_length, new_time_s)
        # Without the branch layer's: no new event looks at them.
        keys, values, rows = self._dense(past_keys[:, :-1], past_values[:, :-1], mask, new_vectors)
        return keys, values, rows[np.arange(len(rows)), new_length - 1]
