"""The backward kernel by blocks of keys in Triton. Imported by `fused` alone."""

import triton
import triton.language as tl

from kernels.guided_attention.tile import load_rows, mask_tile, may_match, store_rows, visible_tile


@triton.jit
def backward_key_kernel(
    q,
    k,
    v,
    out_gradient,
    log_sum,
    inner,
    k_gradient,
    v_gradient,
    query_row,
    key_row,
    query_position,
    key_position,
    query_words,
    key_words,
    query_time_s,
    key_time_s,
    hidden_from_s,
    hidden_to_s,
    first_position,
    union,
    shared,
    first_s,
    last_s,
    position_table,
    time_table,
    q_batch,
    q_head,
    q_stride,
    k_batch,
    k_head,
    k_stride,
    v_batch,
    v_head,
    v_stride,
    out_batch,
    out_head,
    out_stride,
    scale,
    num_heads,
    num_queries,
    num_keys,
    num_blocks,
    num_words,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    WORDS: tl.constexpr,
    GROUPS: tl.constexpr,
    ANCHORED: tl.constexpr,
    POSITIONS: tl.constexpr,
    TIMES: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Gradients of k and v [B, N, H, D]; every key row is written, padding with zeros."""
    pair = tl.program_id(0)
    batch = (pair // num_heads).to(tl.int64)
    head = (pair % num_heads).to(tl.int64)
    block = tl.program_id(1)
    keys = block * BLOCK_N + tl.arange(0, BLOCK_N)
    in_range = keys < num_keys
    held = tl.load(key_position + batch * num_keys + keys, mask=in_range, other=2147483647)
    key_ok = held != 2147483647
    key_rows = tl.load(key_row + batch * num_keys + keys, mask=in_range, other=0)
    own_words = query_words + batch * num_queries * (WORDS * (2 + GROUPS))
    held_words = key_words + batch * num_keys * WORDS
    time_s = tl.zeros([BLOCK_N], tl.int32)
    if ANCHORED or TIMES > 0:
        time_s = tl.load(key_time_s + batch * num_keys + keys, mask=key_ok, other=0)
    key = load_rows(k + batch * k_batch + head * k_head, key_rows, key_ok, k_stride, D, BLOCK_D, UPCAST)
    value = load_rows(v + batch * v_batch + head * v_head, key_rows, key_ok, v_stride, D, BLOCK_D, UPCAST)
    summary = batch * num_blocks + block
    first = tl.load(first_position + summary)
    bits = summary * WORDS

    key_total = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    value_total = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    for start in range(0, num_queries, BLOCK_M):
        queries = start + tl.arange(0, BLOCK_M)
        query_ok = queries < num_queries
        position = tl.load(query_position + batch * num_queries + queries, mask=query_ok, other=-1)
        may = may_match(own_words, queries, query_ok, union + bits, shared + bits, first, position, WORDS, GROUPS)
        from_s = tl.zeros([BLOCK_M], tl.int32)
        to_s = from_s
        asked_s = from_s
        if ANCHORED:
            from_s = tl.load(hidden_from_s + batch * num_queries + queries, mask=query_ok, other=0)
            to_s = tl.load(hidden_to_s + batch * num_queries + queries, mask=query_ok, other=0)
            may = may & ((tl.load(first_s + summary) < from_s) | (tl.load(last_s + summary) > to_s))
        if tl.max(may.to(tl.int32)) > 0:
            rows = tl.load(query_row + batch * num_queries + queries, mask=query_ok, other=0)
            if TIMES > 0:
                asked_s = tl.load(query_time_s + batch * num_queries + queries, mask=query_ok, other=0)
            visible = visible_tile(
                own_words, own_words + WORDS, own_words + 2 * WORDS, WORDS * (2 + GROUPS), WORDS * (2 + GROUPS),
                queries, query_ok, position, from_s, to_s, held_words, keys, key_ok, held, time_s,
                num_words, WORDS, GROUPS, ANCHORED,
            )  # fmt: skip
            query = load_rows(q + batch * q_batch + head * q_head, rows, query_ok, q_stride, D, BLOCK_D, UPCAST)
            upstream_base = out_gradient + batch * out_batch + head * out_head
            upstream = load_rows(upstream_base, rows, query_ok, out_stride, D, BLOCK_D, UPCAST)
            denominator = tl.load(log_sum + pair.to(tl.int64) * num_queries + rows, mask=query_ok, other=0.0)
            centre = tl.load(inner + pair.to(tl.int64) * num_queries + rows, mask=query_ok, other=0.0)
            added = mask_tile(
                visible, position, held, asked_s, time_s, position_table, time_table, head, POSITIONS, TIMES
            )
            logits = tl.dot(query, tl.trans(key), input_precision="ieee") * (scale * 1.4426950408889634) + added
            weights = tl.exp2(logits - denominator[:, None])
            value_total = tl.dot(tl.trans(weights.to(upstream.dtype)), upstream, value_total, input_precision="ieee")
            pull = tl.dot(upstream, tl.trans(value), input_precision="ieee")
            slope = weights * (pull - centre[:, None])
            key_total = tl.dot(tl.trans(slope.to(query.dtype)), query, key_total, input_precision="ieee")

    base = (batch * num_keys * num_heads + head) * D
    store_rows(k_gradient + base, key_rows, in_range, num_heads * D, key_total * scale, D, BLOCK_D)
    store_rows(v_gradient + base, key_rows, in_range, num_heads * D, value_total, D, BLOCK_D)
