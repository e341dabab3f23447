"""The Triton backend for serving: P condition queries per user on one shared K/V, without gradients."""

import torch
from torch import Tensor

from kernels.guided_attention.fused import (
    check_device_and_dtype,
    dense_rows,
    dense_table,
    device_of,
    given,
    interpreted,
    own_rows,
    row_strides,
    tile_for,
)
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.relative_bias import RelativeBias
from kernels.guided_attention.serving import serving_kernel
from kernels.guided_attention.tile_sizes import MAX_REGISTERS, MAX_SPLITS, Tile, padded_width


def fused_serving(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    query_position: Tensor,
    key_length: Tensor,
    key_start: Tensor | None = None,
    key_attributes: Tensor | None = None,
    query_condition: ConditionBits | None = None,
    key_time_s: Tensor | None = None,
    query_anchor_s: Tensor | None = None,
    safety_interval_s: int = 0,
    bias: RelativeBias | None = None,
    condition_key: Tensor | None = None,
    condition_value: Tensor | None = None,
    tile: Tile | None = None,
    splits: int | None = None,
) -> Tensor:
    """Guided attention of at most 16 queries per user, [B, H, P, Dh]; arguments as in `op`.

    key_start: int64 [B] first key of each user where k and v [1, H, T, Dh], key_attributes [1, T, W] and key_time_s
    [1, T] are packed; None where they are padded. splits: programs that share a user's keys, else by device.
    """
    check_device_and_dtype(q, k, v)
    if key_start is not None:
        k, v = k.expand(len(q), -1, -1, -1), v.expand(len(q), -1, -1, -1)
    q, k, v = dense_rows(q), dense_rows(k), dense_rows(v)
    own_key, own_value = own_rows(condition_key, q), own_rows(condition_value, q)
    B, H, P, D = q.shape
    chosen = tile_for("serving", q, tile)
    if interpreted():
        chosen = chosen._replace(queries=16)
    if chosen.queries < P:
        raise ValueError(f"expected at most {chosen.queries} queries per user, got {P}")
    splits = splits or splits_of(B * H, k.shape[2], chosen.keys, _multiprocessors(q))
    position_table = None if bias is None else dense_table(bias.position_table)
    time_table = None if bias is None else dense_table(bias.time_table)
    words = 0 if key_attributes is None else 2 * key_attributes.shape[2]
    clauses: tuple[Tensor, ...] = (query_position,) * 3
    if query_condition is not None:
        clauses = (query_condition.all_of, query_condition.none_of, query_condition.any_of)
    out = q.new_empty(splits, B, P, H, D, dtype=q.dtype if splits == 1 else torch.float32)
    log_sum = q.new_empty(splits, B, H, P, dtype=torch.float32)
    with device_of(q):
        serving_kernel[(B * H, splits)](
            *(q, k, v, given(own_key, q), given(own_value, q), out, log_sum),
            *(query_position.contiguous(), _starts(key_start, key_length), key_length.contiguous()),
            *(part.contiguous().view(torch.int32) for part in clauses),
            given(key_attributes, key_length).contiguous().view(torch.int32),
            _dense(None if bias is None else bias.query_time_s, key_length),
            *(_dense(key_time_s, key_length), _dense(query_anchor_s, key_length)),
            *(given(position_table, q), given(time_table, q)),
            *(*row_strides(q), *row_strides(k), *row_strides(v)),
            *(*row_strides(given(own_key, q)), *row_strides(given(own_value, q))),
            *(k.shape[2] if key_start is None else 0, safety_interval_s, D**-0.5, H, P, words),
            D=D,
            BLOCK_D=padded_width(D),
            BLOCK_M=chosen.queries,
            BLOCK_N=chosen.keys,
            SPLITS=splits,
            WORDS=words,
            GROUPS=0 if query_condition is None else query_condition.any_of.shape[2],
            ANCHORED=query_anchor_s is not None,
            POSITIONS=0 if position_table is None else position_table.shape[1],
            TIMES=0 if time_table is None else time_table.shape[1],
            OWN=own_key is not None,
            UPCAST=interpreted() and q.dtype == torch.bfloat16,
            num_warps=chosen.warps,
            num_stages=chosen.stages,
            maxnreg=MAX_REGISTERS,
        )
    return (out[0] if splits == 1 else _merged(out, log_sum, q.dtype)).transpose(1, 2)


def splits_of(programs: int, num_keys: int, block: int, multiprocessors: int) -> int:
    """How many programs share one user's keys: few users are spread until every multiprocessor has work."""
    wanted = -(-2 * multiprocessors // programs)
    return max(1, min(wanted, -(-num_keys // block), MAX_SPLITS))


def _merged(out: Tensor, log_sum: Tensor, dtype: torch.dtype) -> Tensor:
    """Weigh the splits' answers by their denominators; a split that saw nothing weighs nothing."""
    peak = log_sum.amax(0).clamp(min=-1e30)
    weight = (log_sum - peak).exp2()
    weight = weight / weight.sum(0).clamp(min=1e-30)
    return (out * weight.transpose(2, 3)[..., None]).sum(0).to(dtype)


def _starts(key_start: Tensor | None, key_length: Tensor) -> Tensor:
    return torch.zeros_like(key_length) if key_start is None else key_start.contiguous()


def _dense(tensor: Tensor | None, otherwise: Tensor) -> Tensor:
    return given(tensor, otherwise).contiguous()


def _multiprocessors(q: Tensor) -> int:
    return torch.cuda.get_device_properties(q.device).multi_processor_count if q.is_cuda else 1
