"""A network's weights as NumPy arrays, rearranged so that a row costs as few calls as possible.

For one user the network's work is so small that calling an operation costs more than the operation: NumPy's calls cost
a third of torch's. Two identities save more of them:
- A layer norm's gain and shift belong into the linear map behind it.
- Every layer reads its rows through a layer norm, which does not see a row's mean. Rows whose mean is taken out at the
  start, and maps into the stream that put none back, need no mean subtracted ever after.
"""

import numpy as np
import torch
from torch import nn

from model.climber_pilot.gelu import gelu
from model.climber_pilot.network import Layer
from model.climber_pilot.steps import joint_bias_table


class Linear:
    """y = x W + b as float32 arrays; W: [in, out]."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self.weight = np.ascontiguousarray(weight, dtype=np.float32)
        self.bias = bias.astype(np.float32)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """rows: [R, in]; [R, out]."""
        out = rows @ self.weight
        out += self.bias
        return out

    @classmethod
    def after_norm(cls, norm: nn.LayerNorm, linear: nn.Linear) -> "Linear":
        """The map of rows as `unit` gives them, the rest of the norm included."""
        weight = array(linear.weight).T
        gain = array(norm.weight) * len(weight) ** 0.5
        return cls(gain[:, None] * weight, array(norm.bias) @ weight + array(linear.bias))

    @classmethod
    def into_stream(cls, linear: nn.Linear) -> "Linear":
        """The map less the mean of what it gives."""
        return cls(centred(array(linear.weight).T), centred(array(linear.bias)))


class ArrayLayer:
    """A Layer's maps; query is scaled by 1 / sqrt(Dh). bias_table: [H, joint buckets + 1], see BiasBuckets."""

    def __init__(self, layer: Layer) -> None:
        norm, head_width = layer.attention_norm, layer.to_query.in_features // layer.num_heads
        query, key_value = Linear.after_norm(norm, layer.to_query), Linear.after_norm(norm, layer.to_key_value)
        scale = np.float32(head_width**-0.5)
        self.query = Linear(query.weight * scale, query.bias * scale)
        self.key_value = key_value
        self.query_key_value = Linear(
            np.concatenate([self.query.weight, key_value.weight], 1), np.concatenate([self.query.bias, key_value.bias])
        )
        self.output = Linear.into_stream(layer.to_output)
        inner_norm, to_inner = layer.feed_forward[0], layer.feed_forward[1]
        assert isinstance(inner_norm, nn.LayerNorm)
        assert isinstance(to_inner, nn.Linear)
        self.to_inner = Linear.after_norm(inner_norm, to_inner)
        from_inner = layer.feed_forward[4]
        assert isinstance(from_inner, nn.Linear)
        self.from_inner = Linear.into_stream(from_inner)
        self.attention_epsilon, self.inner_epsilon = summed_epsilon(norm), summed_epsilon(inner_norm)
        table = joint_bias_table(layer).detach().cpu().numpy()
        self.bias_table = np.pad(table, ((0, 0), (0, 1)), constant_values=-np.inf)

    def add_feed_forward(self, rows: np.ndarray) -> None:
        """rows [R, D] plus the feed-forward of them, in place."""
        rows += self.from_inner(gelu(self.to_inner(unit(rows, self.inner_epsilon))))


def unit(rows: np.ndarray, epsilon: np.float32) -> np.ndarray:
    """Rows [R, D] without a mean as a layer norm has them, but for a factor of sqrt(D); epsilon: `summed_epsilon`."""
    squares = np.einsum("rd,rd->r", rows, rows)
    squares += epsilon
    np.sqrt(squares, out=squares)
    return rows / squares[:, None]


def summed_epsilon(norm: nn.LayerNorm) -> np.float32:
    """A norm's epsilon as it joins a sum of squares instead of their mean."""
    return np.float32(norm.eps * norm.normalized_shape[0])


def centred(rows: np.ndarray) -> np.ndarray:
    """Rows [..., D] less their mean."""
    return rows - rows.mean(-1, keepdims=True)


def array(parameter: torch.Tensor) -> np.ndarray:
    """Weights as float64 [...], on the CPU."""
    return parameter.detach().cpu().double().numpy()
