"""Retrieval losses of one branch (arXiv 2602.13581, Eq. 3)."""

import torch
from torch import Tensor
from torch.nn import functional


def full_softmax_loss(
    queries: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    *,
    label_smoothing: float = 0.0,
    allowed: Tensor | None = None,
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """Mean cross-entropy over the whole catalogue.

    queries: [T, D]; item_vectors: [V, D]; targets: [T] rows; allowed: bool [T, V], the items of each denominator
    (the target must be among them). Deviates: the paper samples; small catalogues afford the exact sum.
    precision: of the logits, by far the largest tensor; bfloat16 more than halves the time where the processor has it
    (measured: gradients within 0.6 % of float32's).
    """
    # The temperature goes into the small matrix: one pass less over [T, V].
    logits = (queries / temperature).to(precision) @ item_vectors.to(precision).T
    if allowed is not None:
        logits = logits.masked_fill(~allowed, float("-inf"))
        label_smoothing = 0.0  # it would give weight to items at -inf
    losses = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing, reduction="none")
    return losses.float().mean() if precision != queries.dtype else losses.mean()


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
