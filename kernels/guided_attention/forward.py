"""The forward kernel in Triton: one program per history, head and block of queries. Imported by `fused` alone."""

import triton
import triton.language as tl

from kernels.guided_attention.tile import (
    load_rows,
    mask_tile,
    may_match,
    store_rows,
    visible_tile,
)


@triton.jit
def forward_kernel(
    q,
    k,
    v,
    own_key,
    own_value,
    out,
    log_sum,
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
    own_batch,
    own_head,
    own_stride,
    own_value_batch,
    own_value_head,
    own_value_stride,
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
    OWN: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """out [B, Q, H, D] and log2 of the softmax denominators [B * H, Q], both at the queries' original rows."""
    pair = tl.program_id(0)
    batch = (pair // num_heads).to(tl.int64)
    head = (pair % num_heads).to(tl.int64)
    queries = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)
    query_ok = queries < num_queries
    rows = tl.load(query_row + batch * num_queries + queries, mask=query_ok, other=0)
    position = tl.load(query_position + batch * num_queries + queries, mask=query_ok, other=-1)
    own_words = query_words + batch * num_queries * (WORDS * (2 + GROUPS))
    held_words = key_words + batch * num_keys * WORDS
    from_s = tl.zeros([BLOCK_M], tl.int32)
    to_s = from_s
    asked_s = from_s
    if ANCHORED:
        from_s = tl.load(hidden_from_s + batch * num_queries + queries, mask=query_ok, other=0)
        to_s = tl.load(hidden_to_s + batch * num_queries + queries, mask=query_ok, other=0)
    if TIMES > 0:
        asked_s = tl.load(query_time_s + batch * num_queries + queries, mask=query_ok, other=0)
    query = load_rows(q + batch * q_batch + head * q_head, rows, query_ok, q_stride, D, BLOCK_D, UPCAST)

    peak = tl.full([BLOCK_M], -1e30, tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    mean = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    if OWN:
        # The condition key comes first: it is always visible, so the running peak is finite from here on.
        own = load_rows(own_key + batch * own_batch + head * own_head, rows, query_ok, own_stride, D, BLOCK_D, UPCAST)
        peak = tl.sum(query.to(tl.float32) * own.to(tl.float32), 1) * (scale * 1.4426950408889634)
        total += 1.0
        value_base = own_value + batch * own_value_batch + head * own_value_head
        mean = load_rows(value_base, rows, query_ok, own_value_stride, D, BLOCK_D, UPCAST).to(tl.float32)

    last_position = tl.max(position)
    for block in range(0, num_blocks):
        summary = batch * num_blocks + block
        first = tl.load(first_position + summary)
        visit = first <= last_position
        if WORDS > 0:
            bits = summary * WORDS
            may = may_match(own_words, queries, query_ok, union + bits, shared + bits, first, position, WORDS, GROUPS)
            visit = visit & (tl.max(may.to(tl.int32)) > 0)
        if ANCHORED:
            open_query = query_ok & ((tl.load(first_s + summary) < from_s) | (tl.load(last_s + summary) > to_s))
            visit = visit & (tl.max(open_query.to(tl.int32)) > 0)
        if visit:
            keys = block * BLOCK_N + tl.arange(0, BLOCK_N)
            key_ok = keys < num_keys
            held = tl.load(key_position + batch * num_keys + keys, mask=key_ok, other=2147483647)
            # Padding is neither read nor multiplied, whatever it holds.
            key_ok = held != 2147483647
            key_rows = tl.load(key_row + batch * num_keys + keys, mask=key_ok, other=0)
            time_s = tl.zeros([BLOCK_N], tl.int32)
            if ANCHORED or TIMES > 0:
                time_s = tl.load(key_time_s + batch * num_keys + keys, mask=key_ok, other=0)
            visible = visible_tile(
                own_words, own_words + WORDS, own_words + 2 * WORDS, WORDS * (2 + GROUPS), WORDS * (2 + GROUPS),
                queries, query_ok, position, from_s, to_s, held_words, keys, key_ok, held, time_s,
                num_words, WORDS, GROUPS, ANCHORED,
            )  # fmt: skip
            key = load_rows(k + batch * k_batch + head * k_head, key_rows, key_ok, k_stride, D, BLOCK_D, UPCAST)
            added = mask_tile(
                visible, position, held, asked_s, time_s, position_table, time_table, head, POSITIONS, TIMES
            )
            logits = tl.dot(query, tl.trans(key), input_precision="ieee") * (scale * 1.4426950408889634) + added
            higher = tl.maximum(peak, tl.max(logits, 1))
            weights = tl.exp2(logits - higher[:, None])
            fade = tl.exp2(peak - higher)
            value = load_rows(v + batch * v_batch + head * v_head, key_rows, key_ok, v_stride, D, BLOCK_D, UPCAST)
            total = total * fade + tl.sum(weights, 1)
            mean = mean * fade[:, None]
            mean = tl.dot(weights.to(value.dtype), value, mean, input_precision="ieee")
            peak = higher

    empty = total == 0.0
    mean = mean / tl.where(empty, 1.0, total)[:, None]
    # An empty row weighs nothing in the backward pass: its log is never used, only finite.
    tl.store(
        log_sum + pair.to(tl.int64) * num_queries + rows,
        tl.where(empty, 0.0, peak + tl.log2(tl.where(empty, 1.0, total))),
        mask=query_ok,
    )
    base = out + (batch * num_queries * num_heads + head) * D
    store_rows(base, rows, query_ok, num_heads * D, mean, D, BLOCK_D)
