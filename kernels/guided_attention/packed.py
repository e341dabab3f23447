"""Packed keys: the histories of many users end to end, so that a ragged batch holds no padding."""

import torch
from torch import Tensor

from kernels.guided_attention.op import Backend, guided_attention
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.relative_bias import RelativeBias


def guided_attention_packed(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    key_start: Tensor,
    key_length: Tensor,
    key_attributes: Tensor | None = None,
    query_condition: ConditionBits | None = None,
    key_time_s: Tensor | None = None,
    bias: RelativeBias | None = None,
    condition_key: Tensor | None = None,
    condition_value: Tensor | None = None,
    backend: Backend,
) -> Tensor:
    """P condition queries per user at the last event of each user's history, [B, H, P, Dh]; no gradients on "fused".

    q: [B, H, P, Dh]; k, v: [T, H, Dh]; key_start, key_length: int64 [B], user b owns rows key_start ... + key_length.
    key_attributes: [T, W]; key_time_s: [T]; the rest as in `guided_attention`.
    Raises ValueError where a history is empty or reaches past the last row.
    """
    if int(key_length.min()) < 1 or int((key_start + key_length).max()) > len(k):
        raise ValueError(f"expected histories of 1 or more rows within {len(k)}, got lengths {key_length.tolist()}")
    position = (key_length - 1)[:, None].expand(-1, q.shape[2])
    if backend == "fused":
        # Loaded here for the same reason as in `op`: Triton is optional.
        from kernels.guided_attention.fused_serving import fused_serving

        return fused_serving(
            q,
            k.transpose(0, 1)[None],
            v.transpose(0, 1)[None],
            query_position=position,
            key_length=key_length,
            key_start=key_start,
            key_attributes=None if key_attributes is None else key_attributes[None],
            query_condition=query_condition,
            key_time_s=None if key_time_s is None else key_time_s[None],
            bias=bias,
            condition_key=condition_key,
            condition_value=condition_value,
        )
    row = torch.arange(int(key_length.max()), device=k.device)
    row = (key_start[:, None] + row.minimum(key_length[:, None] - 1)).clamp(max=len(k) - 1)
    return guided_attention(
        q,
        k[row].transpose(1, 2),
        v[row].transpose(1, 2),
        query_position=position,
        key_length=key_length,
        key_attributes=None if key_attributes is None else key_attributes[row],
        query_condition=query_condition,
        key_time_s=None if key_time_s is None else key_time_s[row],
        bias=bias,
        condition_key=condition_key,
        condition_value=condition_value,
        backend=backend,
    )
