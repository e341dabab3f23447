"""What a region becomes beside a sentence and a word beside an image: attention, refinement, cross-level guidance."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.image_text.pooling import MASKED
from model.image_text.projections import linear, unit

LEAK = 0.1
WORDS_PER_REGION = 4.0
REGIONS_PER_WORD = 9.0


class Side(NamedTuple):
    """One side of a pair, n of them. rows: [n, M, D]; mask: bool [n, M]; overall: [n, D], the global vectors."""

    rows: Tensor
    mask: Tensor
    overall: Tensor


def attention(queries: Tensor, context: Tensor, query_mask: Tensor, context_mask: Tensor, sharpness: float) -> Tensor:
    """alpha of every query over its context: [P, Q, K], rows sum to 1, 0 for what is masked out.

    a_kq = LeakyReLU(c_k . q_q) of unit rows, normalised over the queries, then softmax over k of sharpness * a_kq.
    queries: [P, Q, D]; context: [P, K, D]; masks: bool [P, Q], [P, K].
    """
    scores = nn.functional.leaky_relu(unit(queries) @ unit(context).transpose(1, 2), LEAK)
    scores = unit(scores * query_mask[:, :, None], dim=1)
    return (sharpness * scores).masked_fill(~context_mask[:, None, :], MASKED).softmax(dim=2)


class Refinement(nn.Module):
    """q^ = q + W_2 ReLU(W_1 (q * tanh(W_s ctx) + W_h ctx)), ctx = sum_k alpha_k c_k (DIME's refinement cell).

    W_s and W_h stand before the sum over k: the attention's rows sum to 1, so the result is the same and the dense work
    is done once per context row instead of once per pair.
    """

    def __init__(self, dim: int, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.scale = linear(dim, dim)
        self.shift = linear(dim, dim)
        self.inner = linear(dim, dim)
        self.outer = linear(dim, dim)

    def forward(self, query: Side, context: Side, query_index: Tensor, context_index: Tensor) -> Tensor:
        """query_index, context_index: int [P]. Returns [P, Q, D]."""
        alpha = self.alpha(query, context, query_index, context_index)
        queries = query.rows[query_index]
        scale, shift = self.scale(context.rows)[context_index], self.shift(context.rows)[context_index]
        mixed = queries * torch.tanh(alpha @ scale) + alpha @ shift
        return queries + self.outer(torch.relu(self.inner(mixed)))

    def alpha(self, query: Side, context: Side, query_index: Tensor, context_index: Tensor) -> Tensor:
        """The attention [P, Q, K] of each pair."""
        rows, seen = query.rows[query_index], context.rows[context_index]
        return attention(rows, seen, query.mask[query_index], context.mask[context_index], self.sharpness)


class CrossLevelGuidance(nn.Module):
    """x_i = (W_g v_i) * other side's global vector, normed per channel over the rows; v~_i = (1 + x_i) * v_i."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.guide = linear(dim, dim)

    def forward(self, rows: Tensor, mask: Tensor, overall: Tensor) -> Tensor:
        """rows: [P, Q, D]; mask: bool [P, Q]; overall: [P, D], the global vector of the other side."""
        guided = self.guide(rows) * overall[:, None] * mask[:, :, None]
        return (1 + unit(guided, dim=1)) * rows


class Readout(nn.Module):
    """norm2(mean + max over the rows of BatchNorm(V~))."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """rows: [P, Q, D]; mask: bool [P, Q]. Returns unit vectors [P, D]; padded rows change nothing.

        Deviates: the norm's statistics are those of valid rows alone, because padding depends on the batch.
        """
        normed = rows.new_zeros(rows.shape).masked_scatter(mask[:, :, None], self.norm(rows[mask]))
        mean = normed.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return unit(mean + normed.masked_fill(~mask[:, :, None], MASKED).amax(dim=1))


class InteractiveSide(nn.Module):
    """One side of a pair rewritten by the other: refinement, guidance, readout; I~(T) or T~(I)."""

    def __init__(self, dim: int, sharpness: float) -> None:
        super().__init__()
        self.refine = Refinement(dim, sharpness)
        self.guide = CrossLevelGuidance(dim)
        self.read = Readout(dim)

    def forward(self, query: Side, context: Side, query_index: Tensor, context_index: Tensor) -> Tensor:
        """query_index, context_index: int [P], which row of each side makes a pair. Returns unit vectors [P, D]."""
        mask = query.mask[query_index]
        refined = self.refine(query, context, query_index, context_index)
        return self.read(self.guide(refined, mask, context.overall[context_index]), mask)
