"""The serving kernel in Triton: a few condition queries per user on that user's keys, read once for all of them.
Imported by `fused` alone."""

import triton
import triton.language as tl

from kernels.guided_attention.tile import load_rows, mask_tile, seconds_since, visible_tile


@triton.jit
def serving_kernel(
    q,
    k,
    v,
    own_key,
    own_value,
    out,
    log_sum,
    query_position,
    key_start,
    key_length,
    all_of,
    none_of,
    any_of,
    key_words,
    query_time_s,
    key_time_s,
    hidden_to_s,
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
    batch_keys,
    safety_interval_s,
    scale,
    num_heads,
    num_queries,
    num_words,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    SPLITS: tl.constexpr,
    WORDS: tl.constexpr,
    GROUPS: tl.constexpr,
    ANCHORED: tl.constexpr,
    POSITIONS: tl.constexpr,
    TIMES: tl.constexpr,
    OWN: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Share `program_id(1)` of SPLITS of the keys: out [SPLITS, B, Q, H, D], log2 of the denominators [SPLITS, B*H, Q].

    Keys of user b are rows key_start[b] ... + key_length[b] of the batch entry (batch_keys rows each, 0 when packed).
    """
    pair = tl.program_id(0)
    split = tl.program_id(1).to(tl.int64)
    batch = (pair // num_heads).to(tl.int64)
    head = (pair % num_heads).to(tl.int64)
    queries = tl.arange(0, BLOCK_M)
    query_ok = queries < num_queries
    position = tl.load(query_position + batch * num_queries + queries, mask=query_ok, other=-1).to(tl.int32)
    start = tl.load(key_start + batch)
    length = tl.load(key_length + batch)
    held_time_s = key_time_s + batch * batch_keys + start
    from_s = tl.zeros([BLOCK_M], tl.int32)
    to_s = from_s
    asked_s = from_s
    start_s = start * 0
    if ANCHORED or TIMES > 0:
        start_s = tl.load(held_time_s)
    if ANCHORED:
        anchor_s = tl.load(hidden_to_s + batch * num_queries + queries, mask=query_ok, other=0)
        from_s = seconds_since(start_s, anchor_s - safety_interval_s)
        to_s = seconds_since(start_s, anchor_s)
    if TIMES > 0:
        asked_s = tl.load(query_time_s + batch * num_queries + queries, mask=query_ok, other=0)
        asked_s = seconds_since(start_s, asked_s)
    query = load_rows(q + batch * q_batch + head * q_head, queries, query_ok, q_stride, D, BLOCK_D, UPCAST)

    peak = tl.full([BLOCK_M], -1e30, tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    mean = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    if OWN:  # noqa: SIM102 - a compile-time switch around a run-time one
        if split == 0:
            key_base = own_key + batch * own_batch + head * own_head
            own = load_rows(key_base, queries, query_ok, own_stride, D, BLOCK_D, UPCAST)
            peak = tl.sum(query.to(tl.float32) * own.to(tl.float32), 1) * (scale * 1.4426950408889634)
            total = tl.zeros([BLOCK_M], tl.float32) + 1.0
            value_base = own_value + batch * own_value_batch + head * own_value_head
            mean = load_rows(value_base, queries, query_ok, own_value_stride, D, BLOCK_D, UPCAST).to(tl.float32)

    # Nothing after the last position is visible; the blocks up to it are shared out evenly.
    end = tl.minimum(length, tl.max(position) + 1)
    share = tl.cdiv(tl.cdiv(end, BLOCK_N), SPLITS) * BLOCK_N
    clause = batch * num_queries * WORDS
    held_words = key_words + (batch * batch_keys + start) * WORDS
    for first in range(split * share, tl.minimum(end, (split + 1) * share), BLOCK_N):
        keys = (first + tl.arange(0, BLOCK_N)).to(tl.int32)
        key_ok = keys < length
        held = tl.where(key_ok, keys, 2147483647)
        time_s = tl.zeros([BLOCK_N], tl.int32)
        if ANCHORED or TIMES > 0:
            time_s = seconds_since(start_s, tl.load(held_time_s + keys, mask=key_ok, other=0))
        visible = visible_tile(
            all_of + clause, none_of + clause, any_of + clause * GROUPS, WORDS, WORDS * GROUPS,
            queries, query_ok, position, from_s, to_s, held_words, keys, key_ok, held, time_s,
            num_words, WORDS, GROUPS, ANCHORED,
        )  # fmt: skip
        # Keys and values are the traffic: what no query of the user can see stays where it is.
        if tl.max(tl.max(visible.to(tl.int32), 1), 0) > 0:
            rows = start + keys
            seen = tl.max(visible.to(tl.int32), 0) > 0
            key = load_rows(k + batch * k_batch + head * k_head, rows, seen, k_stride, D, BLOCK_D, UPCAST)
            added = mask_tile(
                visible, position, held, asked_s, time_s, position_table, time_table, head, POSITIONS, TIMES
            )
            logits = tl.dot(query, tl.trans(key), input_precision="ieee") * (scale * 1.4426950408889634) + added
            higher = tl.maximum(peak, tl.max(logits, 1))
            weights = tl.exp2(logits - higher[:, None])
            fade = tl.exp2(peak - higher)
            value = load_rows(v + batch * v_batch + head * v_head, rows, seen, v_stride, D, BLOCK_D, UPCAST)
            total = total * fade + tl.sum(weights, 1)
            mean = mean * fade[:, None]
            mean = tl.dot(weights.to(value.dtype), value, mean, input_precision="ieee")
            peak = higher

    empty = total == 0.0
    mean = mean / tl.where(empty, 1.0, total)[:, None]
    column = tl.arange(0, BLOCK_D)
    place = split * tl.num_programs(0) * num_queries + batch * num_queries * num_heads + head
    tl.store(
        out + (place + queries[:, None] * num_heads) * D + column[None, :],
        mean.to(out.dtype.element_ty),
        mask=query_ok[:, None] & (column < D)[None, :],
    )
    if SPLITS > 1:
        place = (split * tl.num_programs(0) + pair) * num_queries
        weight = tl.where(empty, float("-inf"), peak + tl.log2(tl.where(empty, 1.0, total)))
        tl.store(log_sum + place + queries, weight, mask=query_ok)
