"""The row-wise part of the backward pass in Triton: what both block kernels need of every query, and the gradients of
the condition keys. Imported by `fused` alone."""

import triton
import triton.language as tl

from kernels.guided_attention.tile import load_rows, store_rows


@triton.jit
def backward_rows_kernel(
    q,
    own_key,
    own_value,
    out,
    out_gradient,
    log_sum,
    inner,
    own_slope,
    own_key_gradient,
    own_value_gradient,
    q_batch,
    q_head,
    q_stride,
    own_batch,
    own_head,
    own_stride,
    own_value_batch,
    own_value_head,
    own_value_stride,
    out_batch,
    out_head,
    out_stride,
    scale,
    num_heads,
    num_queries,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    OWN: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """inner = out . out_gradient and the slope of the own logit, float32 [B * H, Q]; own gradients [B, Q, H, D]."""
    pair = tl.program_id(0)
    batch = (pair // num_heads).to(tl.int64)
    head = (pair % num_heads).to(tl.int64)
    rows = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    ok = rows < num_queries
    own_base = (batch * num_queries * num_heads + head) * D
    place = pair.to(tl.int64) * num_queries + rows
    upstream_base = out_gradient + batch * out_batch + head * out_head
    upstream = load_rows(upstream_base, rows, ok, out_stride, D, BLOCK_D, UPCAST).to(tl.float32)
    answer = load_rows(out + own_base, rows, ok, num_heads * D, D, BLOCK_D, UPCAST).to(tl.float32)
    centre = tl.sum(upstream * answer, 1)
    tl.store(inner + place, centre, mask=ok)
    if OWN:
        denominator = tl.load(log_sum + place, mask=ok, other=0.0)
        query = load_rows(q + batch * q_batch + head * q_head, rows, ok, q_stride, D, BLOCK_D, UPCAST).to(tl.float32)
        key_base = own_key + batch * own_batch + head * own_head
        key = load_rows(key_base, rows, ok, own_stride, D, BLOCK_D, UPCAST).to(tl.float32)
        value_base = own_value + batch * own_value_batch + head * own_value_head
        value = load_rows(value_base, rows, ok, own_value_stride, D, BLOCK_D, UPCAST).to(tl.float32)
        weight = tl.exp2(tl.sum(query * key, 1) * (scale * 1.4426950408889634) - denominator)
        slope = weight * (tl.sum(upstream * value, 1) - centre)
        tl.store(own_slope + place, slope, mask=ok)
        key_part = slope[:, None] * query * scale
        store_rows(own_key_gradient + own_base, rows, ok, num_heads * D, key_part, D, BLOCK_D)
        store_rows(own_value_gradient + own_base, rows, ok, num_heads * D, weight[:, None] * upstream, D, BLOCK_D)
