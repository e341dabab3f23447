"""Guided attention for serving on a CPU: conditions as query rows of one attention over shared keys, no gradients."""

from functools import lru_cache

import torch
from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.relative_bias import RelativeBias, bias_logits

HIDDEN_LOGIT = -1e30
SHARED_FROM_PAIRS = 1024
"""Below so many query-key pairs, finding out that queries share a bias row costs more than looking it up again."""
# Not in the public interface, but the one call that also returns the denominators; torch is pinned to one release.
_flash_on_cpu = torch._scaled_dot_product_flash_attention_for_cpu


def condition_rows_attention(
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
    """One SDPA call under an additive mask [B, 1 or H, P, N], then each query's own condition key; see `op`."""
    num_keys = k.shape[2]
    end = torch.minimum(query_position + 1, key_length.unsqueeze(1))
    hidden = _positions(num_keys) >= end.unsqueeze(2)
    if query_anchor_s is not None and key_time_s is not None:
        time_s, anchor_s = key_time_s[:, None, :], query_anchor_s[:, :, None]
        hidden = hidden | ((time_s >= anchor_s - safety_interval_s) & (time_s <= anchor_s))
    if query_condition is not None and key_attributes is not None:
        hidden = violates(key_attributes, query_condition).logical_or_(hidden)
    added = q.new_zeros(()) if bias is None else _shared_bias(bias, query_position, num_keys, key_time_s).to(q.dtype)
    # Far below every logit but finite: a row without visible keys stays finite, and its denominator says so.
    mask = torch.where(hidden.unsqueeze(1), HIDDEN_LOGIT, added)
    scale = q.shape[-1] ** -0.5
    out, log_sum = _flash_on_cpu(q, k, v, 0.0, False, attn_mask=mask, scale=scale)
    log_sum = log_sum.unsqueeze(-1)
    if condition_key is None or condition_value is None:
        return out.masked_fill(log_sum < HIDDEN_LOGIT / 2, 0.0)
    own_product = torch.linalg.vecdot(q, condition_key).unsqueeze(-1)
    others_weight = torch.sub(log_sum, own_product, alpha=scale).sigmoid_()
    return torch.lerp(condition_value, out, others_weight.to(q.dtype))


def violates(attributes: Tensor, condition: ConditionBits) -> Tensor:
    """The reverse of `satisfies` for every query and key, bool [B, P, N], word by word in place.

    attributes: [B, N, W]; condition: [B, P, ...].
    """
    # Views are taken once for all words: on a short history, taking them costs as much as the arithmetic.
    held, lacked = _words(attributes.unsqueeze(1)), _words((~attributes).unsqueeze(1))
    wanted, refused = _words(condition.all_of.unsqueeze(2)), _words(condition.none_of.unsqueeze(2))
    missed = (wanted[0] & lacked[0]).bitwise_or_(refused[0] & held[0])
    for word in range(1, len(held)):
        missed.bitwise_or_(wanted[word] & lacked[word]).bitwise_or_(refused[word] & held[word])
    hidden = missed.ne(0)
    for any_of in condition.any_of.unsqueeze(2).unbind(3):
        group = _words(any_of)
        hits = held[0] & group[0]
        for word in range(1, len(held)):
            hits.bitwise_or_(held[word] & group[word])
        # A group of zeros demands nothing.
        demands = group[0] if len(group) == 1 else any_of.ne(0).any(-1)
        hidden.logical_or_(hits.eq(0).logical_and_(demands))
    return hidden


@lru_cache(maxsize=64)
def _positions(num_keys: int) -> Tensor:
    with torch.inference_mode(False):
        return torch.arange(num_keys)


def _words(bits: Tensor) -> tuple[Tensor, ...]:
    """The words along the last axis."""
    return (bits.squeeze(-1),) if bits.shape[-1] == 1 else bits.unbind(-1)


def _shared_bias(bias: RelativeBias, position: Tensor, num_keys: int, key_time_s: Tensor | None) -> Tensor:
    """Bias [B, H, P or 1, N]: conditions of one request are asked at one position and time, so one row will do."""
    time_s = bias.query_time_s
    if (
        position.shape[1] * num_keys >= SHARED_FROM_PAIRS
        and position.shape[1] > 1
        and _same_in_a_row(position)
        and (time_s is None or _same_in_a_row(time_s))
    ):
        position = position[:, :1]
        bias = RelativeBias(bias.position_table, bias.time_table, None if time_s is None else time_s[:, :1])
    return bias_logits(bias, position, num_keys, key_time_s)


def _same_in_a_row(numbers: Tensor) -> bool:
    return numbers.stride(1) == 0 or bool((numbers == numbers[:, :1]).all())
