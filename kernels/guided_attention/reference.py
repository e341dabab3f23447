"""Guided attention in plain PyTorch: the definition that every other backend is tested against."""

import torch
from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits, satisfies
from kernels.guided_attention.relative_bias import RelativeBias, bias_logits


def visible_keys(
    query_position: Tensor,
    key_length: Tensor,
    num_keys: int,
    *,
    key_attributes: Tensor | None,
    query_condition: ConditionBits | None,
    key_time_s: Tensor | None,
    query_anchor_s: Tensor | None,
    safety_interval_s: int,
) -> Tensor:
    """Which key each query may see, bool [B, Q, N]: inside the history, causal, outside the safety interval (Eq. 1),
    satisfying the query's condition (Eq. 5)."""
    key_position = torch.arange(num_keys, device=query_position.device)
    visible = (key_position <= query_position[:, :, None]) & (key_position < key_length[:, None, None])
    if query_anchor_s is not None and key_time_s is not None:
        time_s, anchor_s = key_time_s[:, None, :], query_anchor_s[:, :, None]
        visible = visible & ~((time_s >= anchor_s - safety_interval_s) & (time_s <= anchor_s))
    if query_condition is not None and key_attributes is not None:
        visible = visible & satisfies(key_attributes.unsqueeze(1), query_condition.unsqueeze(2))
    return visible


def reference_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    query_position: Tensor,
    key_length: Tensor,
    key_attributes: Tensor | None = None,
    query_condition: ConditionBits | None = None,
    key_time_s: Tensor | None = None,
    query_anchor_s: Tensor | None = None,
    safety_interval_s: int = 0,
    bias: RelativeBias | None = None,
    condition_key: Tensor | None = None,
    condition_value: Tensor | None = None,
) -> Tensor:
    """Softmax attention over the visible keys and, when given, each query's own condition key; see `op`."""
    visible = visible_keys(
        query_position,
        key_length,
        k.shape[2],
        key_attributes=key_attributes,
        query_condition=query_condition,
        key_time_s=key_time_s,
        query_anchor_s=query_anchor_s,
        safety_interval_s=safety_interval_s,
    ).unsqueeze(1)
    scale = q.shape[-1] ** -0.5
    logits = (q @ k.transpose(-1, -2)) * scale
    if bias is not None:
        logits = logits + bias_logits(bias, query_position, k.shape[2], key_time_s)
    # A row that sees nothing must not become NaN: the peak below is finite, so all its weights are zero.
    logits = logits.masked_fill(~visible, float("-inf"))
    peak = logits.detach().amax(-1, keepdim=True)
    if condition_key is not None and condition_value is not None:
        own_logit = (q * condition_key).sum(-1, keepdim=True) * scale
        peak = peak.maximum(own_logit.detach())
        weights = (logits - peak).exp()
        own_weight = (own_logit - peak).exp()
        return (weights @ v + own_weight * condition_value) / (weights.sum(-1, keepdim=True) + own_weight)
    weights = (logits - peak.clamp(min=-1e30)).exp()
    total = weights.sum(-1, keepdim=True)
    return (weights @ v) / total.masked_fill(total == 0, 1.0)
