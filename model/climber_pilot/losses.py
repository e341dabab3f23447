"""Retrieval losses of one branch (arXiv 2602.13581, Eq. 3)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CHUNK_ROWS = 256
"""Rows of logits that exist at a time: [256, V] stays below what glibc keeps by itself up to V = 30,000 in bfloat16."""


def full_softmax_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    label_smoothing: float = 0.0,
    allowed: Tensor | None = None,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Mean cross-entropy over the whole catalogue; the [T, V] logits never exist as a whole.

    queries: [T, D]; item_vectors: [V, D]; targets: [T] rows; allowed: bool [T, V], the items of each denominator
    (the target must be among them; not together with label_smoothing). Deviates: the paper samples; small catalogues
    afford the exact sum.
    precision: of the logits, None for that of the queries; bfloat16 halves the time where the processor has it
    (measured: gradients within 0.3 % of float32's).
    """
    if allowed is not None and label_smoothing:
        raise ValueError(f"expected no label smoothing beside allowed items, got {label_smoothing}")
    scaled = queries / temperature
    loss: Tensor = ChunkedSoftmax.apply(
        scaled, item_vectors, targets, label_smoothing, allowed, precision or queries.dtype
    )
    return loss


def eligible_softmax_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    eligible: Tensor,
    entries: Tensor,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Mean cross-entropy over the items that satisfy each query's condition, which are what strict search ranks among.

    eligible: bool [C, V]; entries: [T], the row of `eligible` that each query follows; the target must be in it.
    Neither a [T, V] mask nor logits of items that no query of a chunk may find ever exist.
    """
    total = queries.new_zeros(())
    # Queries of one condition stand together, so that a chunk needs few items.
    for rows in entries.argsort().split(CHUNK_ROWS):
        allowed = eligible[entries[rows]]
        columns = allowed.any(0).nonzero()[:, 0]
        loss = full_softmax_loss(
            queries[rows],
            functional.embedding(columns, item_vectors),
            torch.searchsorted(columns, targets[rows]),
            temperature,
            allowed=allowed[:, columns],
            precision=precision,
        )
        total = total + loss * len(rows)
    return total / len(queries)


class ChunkedSoftmax(torch.autograd.Function):
    """Cross-entropy of q @ items.T in row chunks, gradients computed on the way forward.

    Whole logits are hundreds of megabytes that every step allocates anew; faulting their pages in was two fifths of the
    step's time, and keeping them allocated fragments the heap to gigabytes.
    """

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        item_vectors: Tensor,
        targets: Tensor,
        label_smoothing: float,
        allowed: Tensor | None,
        precision: torch.dtype,
    ) -> Tensor:
        items = item_vectors.to(precision)
        query_gradient, item_gradient = torch.empty_like(queries), torch.zeros_like(item_vectors)
        total = queries.new_zeros(())
        for start in range(0, len(queries), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            chunk, own = queries[rows].to(precision), targets[rows, None]
            logits = chunk @ items.T
            if allowed is not None:
                logits.masked_fill_(~allowed[rows], float("-inf"))
            own_logit = logits.gather(1, own).to(queries.dtype)
            mean_logit = logits.mean(1, keepdim=True, dtype=queries.dtype) if label_smoothing else own_logit
            slope = torch.softmax(logits, 1)  # d loss / d logits, once the target's share is taken off
            own_log = slope.gather(1, own).to(queries.dtype).clamp(min=torch.finfo(torch.float32).tiny).log()
            total -= (own_log + label_smoothing * (mean_logit - own_logit)).sum()
            if label_smoothing:
                slope.sub_(label_smoothing / len(items))
            slope.scatter_add_(1, own, slope.new_full((len(own), 1), label_smoothing - 1))
            query_gradient[rows] = slope @ items
            item_gradient += slope.T @ chunk
        ctx.save_for_backward(query_gradient / len(queries), item_gradient / len(queries))
        return total / len(queries)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query_gradient, item_gradient = ctx.saved_tensors
        return gradient * query_gradient, gradient * item_gradient, None, None, None, None


def sampled_softmax_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    negatives: Tensor,
    log_q: Tensor | None,
) -> Tensor:
    """Mean sampled-softmax cross-entropy (Eq. 3); negatives are shared by all queries.

    negatives: [M] rows; log_q: [V] log of the expected number of times each item is drawn, subtracted from its logit
    (the target's too); None for no correction. A negative that equals the target is left out of that denominator.
    """
    target_logits = (queries * item_vectors[targets]).sum(-1) / temperature
    negative_logits = queries @ item_vectors[negatives].T / temperature
    if log_q is not None:
        target_logits = target_logits - log_q[targets]
        negative_logits = negative_logits - log_q[negatives]
    negative_logits = negative_logits.masked_fill(negatives == targets[:, None], float("-inf"))
    logits = torch.cat([target_logits[:, None], negative_logits], -1)
    return functional.cross_entropy(logits, torch.zeros_like(targets))
