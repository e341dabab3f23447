"""Generalised pooling (GPO): a learned weighted sum over sorted channel values (VSE-infinity, arXiv 2011.04305)."""

import math

import torch
from torch import Tensor, nn

ENCODING_WIDTH = 32
TEMPERATURE = 0.1
MASKED = -1e4


def rank_encoding(length: int, width: int = ENCODING_WIDTH) -> Tensor:
    """Sine and cosine of the ranks 0..length-1 at frequencies 10000^(-2j/width), float32 [length, width]."""
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=2).reshape(length, width)


class GeneralisedPooling(nn.Module):
    """pooled = sum_k theta_k x^(k): channels sorted descending, theta from a BiGRU over the encodings of the ranks.

    theta depends on the number of rows alone; the result on the set of rows, not on their order or on padding.
    """

    def __init__(self, width: int = ENCODING_WIDTH, hidden: int = ENCODING_WIDTH) -> None:
        super().__init__()
        self.width = width
        self.ranks = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.weigh = nn.Linear(hidden, 1, bias=False)
        # longest -> the parameters' versions, and theta of every length up to it under them.
        self._tables: dict[int, tuple[tuple[object, ...], Tensor]] = {}

    def theta(self, lengths: Tensor, longest: int) -> Tensor:
        """The weights of sets of `lengths` [B] rows: [B, longest], each row sums to 1, zeros after its length.

        Without gradients they are looked up: for one sentence the BiGRU costs more than all the rest of a matcher.
        """
        if self.training or torch.is_grad_enabled():
            return self._computed(lengths, longest)
        # Versions tell of weights that were loaded. Fused optimisers do not raise them, but eval() comes after them.
        state = (self.weigh.weight.device, *(one._version for one in self.parameters()))
        kept, table = self._tables.get(longest, (None, None))
        if table is None or kept != state:
            table = self._computed(torch.arange(1, longest + 1, device=lengths.device), longest)
            self._tables[longest] = state, table
        return table[lengths - 1]

    def train(self, mode: bool = True) -> "GeneralisedPooling":
        """As of every module; what was looked up before belongs to other weights."""
        self._tables.clear()
        return super().train(mode)

    def _computed(self, lengths: Tensor, longest: int) -> Tensor:
        different, inverse = lengths.unique(return_inverse=True)
        encoding = rank_encoding(longest, self.width).to(self.weigh.weight)
        packed = nn.utils.rnn.pack_padded_sequence(
            encoding.expand(len(different), -1, -1), different.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.ranks(packed)[0], batch_first=True, total_length=longest)
        both = states.unflatten(2, (2, -1)).mean(dim=2)
        scores = self.weigh(both)[:, :, 0] / TEMPERATURE
        valid = torch.arange(longest, device=lengths.device) < different[:, None]
        return scores.masked_fill(~valid, MASKED).softmax(dim=1).mul(valid)[inverse]

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """rows: [B, M, D]; mask: bool [B, M], at least one row each. Returns [B, D]."""
        ordered = rows.masked_fill(~mask[:, :, None], MASKED).sort(dim=1, descending=True).values
        lengths = mask.sum(dim=1)
        kept = torch.arange(rows.shape[1], device=rows.device) < lengths[:, None]
        ordered = ordered.masked_fill(~kept[:, :, None], 0.0)
        return torch.einsum("bm,bmd->bd", self.theta(lengths, rows.shape[1]), ordered)
