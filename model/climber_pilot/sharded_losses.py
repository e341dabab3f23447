"""Retrieval losses over item vectors spread over the ranks: the values and gradients that losses.py defines."""

from typing import Any

import torch
from torch import Tensor

from model.climber_pilot.losses import CHUNK_ROWS, sampled_softmax_loss
from model.climber_pilot.sharded_items import ShardedItemEncoder
from model.ranks import Ranks


def sharded_softmax_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    items: ShardedItemEncoder,
    *,
    label_smoothing: float = 0.0,
    eligible: Tensor | None = None,
    entries: Tensor | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Cross-entropy over the whole catalogue: this rank's part of the sum over all queries of all ranks.

    queries: this rank's [T, D]; item_vectors: this rank's [V / ranks, D]; targets: [T] catalogue rows.
    eligible: bool [C, V] and entries: [T], the denominator of each query (not together with label_smoothing).

    Every rank scores the queries of all against its own items; maxima and sums of the denominators are exchanged, so
    that neither all item vectors nor all logits are ever in one place.
    """
    gathered = items.ranks.gathered
    own_eligible = None if eligible is None else eligible[:, items.own]
    loss: Tensor = _ShardedSoftmax.apply(
        queries / temperature,
        item_vectors,
        gathered(items.owner[targets]),
        gathered(items.place[targets]),
        label_smoothing,
        own_eligible,
        None if entries is None else gathered(entries),
        precision or queries.dtype,
        items.ranks,
        len(items.owner),
    )
    return loss


def sharded_sampled_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    items: ShardedItemEncoder,
    *,
    negatives: Tensor,
    log_q: Tensor | None,
) -> Tensor:
    """Sampled softmax (Eq. 3): this rank's part of the sum over all queries of all ranks.

    negatives: [M] catalogue rows, the same on every rank; their vectors are fetched from where they are.
    """
    needed, local = torch.cat([targets, negatives]).unique(return_inverse=True)
    vectors = items.lookup(item_vectors, needed)
    if not len(targets):
        # A part of nothing, that its backward pass may take part in every exchange.
        return (vectors.sum() + queries.sum()) * 0.0
    mean = sampled_softmax_loss(
        queries,
        vectors,
        local[: len(targets)],
        temperature,
        negatives=local[len(targets) :],
        log_q=None if log_q is None else log_q[needed],
    )
    return mean * len(targets)


class _ShardedSoftmax(torch.autograd.Function):
    """ChunkedSoftmax of losses.py with the columns of the logits spread over the ranks."""

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        item_vectors: Tensor,
        target_owner: Tensor,
        target_place: Tensor,
        label_smoothing: float,
        eligible: Tensor | None,
        entries: Tensor | None,
        precision: torch.dtype,
        ranks: Ranks,
        num_items: int,
    ) -> Tensor:
        items, everyone = item_vectors.to(precision), ranks.gathered(queries)
        query_gradient, item_gradient = torch.empty_like(everyone), torch.zeros_like(item_vectors)
        losses = everyone.new_empty(len(everyone))
        for start in range(0, len(everyone), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            chunk, place = everyone[rows].to(precision), target_place[rows, None]
            mine = (target_owner[rows] == ranks.rank)[:, None]
            logits = chunk @ items.T
            if eligible is not None and entries is not None:
                logits.masked_fill_(~eligible[entries[rows]], float("-inf"))
            # The target's logit, from its owner; elsewhere any column is read and counts as nothing.
            own_logit = logits.gather(1, torch.where(mine, place, 0)).where(mine, logits.new_zeros(()))
            peak = ranks.greatest(logits.amax(1, keepdim=True).to(queries.dtype))
            slope = torch.exp(logits - peak.to(precision))
            sums = torch.cat([slope.sum(1, keepdim=True, dtype=queries.dtype), own_logit.to(queries.dtype)], 1)
            if label_smoothing:
                sums = torch.cat([sums, logits.sum(1, keepdim=True, dtype=queries.dtype)], 1)
            sums = ranks.summed(sums)
            losses[rows] = (sums[:, 0].log() + peak[:, 0]) - sums[:, 1]
            if label_smoothing:
                losses[rows] += label_smoothing * (sums[:, 1] - sums[:, 2] / num_items)
            slope = slope / sums[:, :1].to(precision)
            if label_smoothing:
                slope = slope - label_smoothing / num_items
            slope.scatter_add_(1, torch.where(mine, place, 0), mine.to(slope.dtype) * (label_smoothing - 1))
            query_gradient[rows] = (slope @ items).to(queries.dtype)
            item_gradient += (slope.T @ chunk).to(item_gradient.dtype)
        before = sum(ranks.counts(len(queries))[: ranks.rank])
        own = slice(before, before + len(queries))
        ctx.save_for_backward(ranks.summed(query_gradient)[own], item_gradient)
        return losses[own].sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query_gradient, item_gradient = ctx.saved_tensors
        return gradient * query_gradient, gradient * item_gradient, *[None] * 8
