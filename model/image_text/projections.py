"""The small layers that all image towers are made of."""

import torch
from torch import Tensor, nn

EPSILON = 1e-8


def unit(vectors: Tensor, dim: int = -1) -> Tensor:
    """norm2(x) = x / (||x|| + 1e-8)."""
    return vectors / (vectors.norm(dim=dim, keepdim=True) + EPSILON)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer, Xavier-uniform with a bias of zero."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class NormedMlp(nn.Module):
    """Linear -> BatchNorm over all rows -> ReLU -> Linear (BNMLP of the 3SHNet notes).

    unused_norm: declare the norm of the output that the original declares and never applies; it counts as parameters.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, unused_norm: bool = False) -> None:
        super().__init__()
        self.inner = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.outer = nn.Linear(hidden, outputs)
        self.unused_norm = nn.BatchNorm1d(outputs) if unused_norm else None

    def forward(self, rows: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        hidden = self.inner(rows)
        normed = self.norm(hidden.flatten(0, -2)).view_as(hidden)
        return self.outer(torch.relu(normed))


class ClassEmbedding(nn.Module):
    """EMB(x) = LayerNorm(Dropout(ReLU(W x + b))): class scores [..., classes] -> [..., D]."""

    def __init__(self, num_classes: int, dim: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(num_classes, dim), nn.ReLU(), nn.Dropout(dropout), nn.LayerNorm(dim))

    def forward(self, scores: Tensor) -> Tensor:
        return self.layers(scores)
