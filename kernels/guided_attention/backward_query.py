"""The backward kernel by blocks of queries in Triton: each sum has one owner, so that a run repeats bit for bit.
Imported by `fused` alone."""

import triton
import triton.language as tl

from kernels.guided_attention.tile import (
    load_rows,
    mask_tile,
    may_match,
    position_buckets,
    store_rows,
    table_gradient,
    time_buckets,
    visible_tile,
    widest,
)


@triton.jit
def backward_query_kernel(
    q,
    k,
    v,
    own_key,
    out_gradient,
    log_sum,
    inner,
    own_slope,
    q_gradient,
    position_gradient,
    time_gradient,
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
    CELLS: tl.constexpr,
    OWN: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Gradients of q [B, Q, H, D], and of the tables per program [programs, CELLS].

    inner, own_slope: of `backward_rows`. CELLS: power of two >= POSITIONS, TIMES.
    """
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
    upstream = load_rows(
        out_gradient + batch * out_batch + head * out_head, rows, query_ok, out_stride, D, BLOCK_D, UPCAST
    )
    denominator = tl.load(log_sum + pair.to(tl.int64) * num_queries + rows, mask=query_ok, other=0.0)
    centre = tl.load(inner + pair.to(tl.int64) * num_queries + rows, mask=query_ok, other=0.0)

    gradient = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    position_total = tl.zeros([CELLS], tl.float32)
    time_total = tl.zeros([CELLS], tl.float32)
    last_position = tl.max(position)
    first_asked = tl.min(tl.where(query_ok, position, 2147483647))
    first_asked_s = tl.min(tl.where(query_ok, asked_s, 1073741823))
    last_asked_s = tl.max(tl.where(query_ok, asked_s, -1073741823))
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
            weights = tl.exp2(logits - denominator[:, None])
            value = load_rows(v + batch * v_batch + head * v_head, key_rows, key_ok, v_stride, D, BLOCK_D, UPCAST)
            pull = tl.dot(upstream, tl.trans(value), input_precision="ieee")
            slope = weights * (pull - centre[:, None])
            if POSITIONS > 0:
                latest = tl.max(tl.where(key_ok, held, 0))
                near, far = widest(first_asked, last_position, first, latest)
                position_total = table_gradient(
                    position_buckets(position, held, POSITIONS),
                    tl.max(position_buckets(near, near * 0, POSITIONS)),
                    tl.max(position_buckets(far, far * 0, POSITIONS)),
                    slope,
                    position_total,
                )
            if TIMES > 0:
                oldest = tl.min(tl.where(key_ok, time_s, 2147483647))
                newest = tl.max(tl.where(key_ok, time_s, -2147483648))
                recent, ago = widest(first_asked_s, last_asked_s, oldest, newest)
                time_total = table_gradient(
                    time_buckets(asked_s, time_s, TIMES),
                    tl.max(time_buckets(recent, recent * 0, TIMES)),
                    tl.max(time_buckets(ago, ago * 0, TIMES)),
                    slope,
                    time_total,
                )
            gradient = tl.dot(slope.to(key.dtype), key, gradient, input_precision="ieee")

    if OWN:
        own = load_rows(own_key + batch * own_batch + head * own_head, rows, query_ok, own_stride, D, BLOCK_D, UPCAST)
        slope_of_own = tl.load(own_slope + pair.to(tl.int64) * num_queries + rows, mask=query_ok, other=0.0)
        gradient += slope_of_own[:, None] * own.to(tl.float32)
    own_base = (batch * num_queries * num_heads + head) * D
    store_rows(q_gradient + own_base, rows, query_ok, num_heads * D, gradient * scale, D, BLOCK_D)
    program = (pair.to(tl.int64) * tl.num_programs(1) + tl.program_id(1)) * CELLS
    if POSITIONS > 0:
        tl.store(position_gradient + program + tl.arange(0, CELLS), position_total)
    if TIMES > 0:
        tl.store(time_gradient + program + tl.arange(0, CELLS), time_total)
