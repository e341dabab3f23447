"""What one tile of queries x keys is made of, in Triton: rows, visibility, bias. Imported by `fused` alone."""

import triton
import triton.language as tl


@triton.jit
def load_rows(base, rows, ok, stride_row, D: tl.constexpr, BLOCK_D: tl.constexpr, UPCAST: tl.constexpr):
    """Rows of [rows, D], zero where not ok; as float32 when UPCAST (the interpreter computes bfloat16 wrongly)."""
    column = tl.arange(0, BLOCK_D)
    found = tl.load(
        base + rows.to(tl.int64)[:, None] * stride_row + column[None, :],
        mask=ok[:, None] & (column < D)[None, :],
        other=0.0,
    )
    if UPCAST:
        found = found.to(tl.float32)
    return found


@triton.jit
def store_rows(base, rows, ok, stride_row, values, D: tl.constexpr, BLOCK_D: tl.constexpr):
    """The reverse of load_rows."""
    column = tl.arange(0, BLOCK_D)
    tl.store(
        base + rows.to(tl.int64)[:, None] * stride_row + column[None, :],
        values.to(base.dtype.element_ty),
        mask=ok[:, None] & (column < D)[None, :],
    )


@triton.jit
def may_match(
    query_words, queries, ok, union, shared, first_position, position, WORDS: tl.constexpr, GROUPS: tl.constexpr
):
    """Which queries of the block could see a key of a block with these summaries, bool [M]. union, shared: pointers."""
    may = ok & (first_position <= position)
    if WORDS > 0:
        own = query_words + queries.to(tl.int64) * (WORDS * (2 + GROUPS))
        missed = tl.zeros_like(position)
        for w in tl.static_range(WORDS):
            all_of = tl.load(own + w, mask=ok, other=0)
            none_of = tl.load(own + WORDS + w, mask=ok, other=0)
            missed = missed | (all_of & ~tl.load(union + w)) | (none_of & tl.load(shared + w))
        may = may & (missed == 0)
        for g in tl.static_range(GROUPS):
            hit = tl.zeros_like(position)
            demanded = tl.zeros_like(position)
            for w in tl.static_range(WORDS):
                any_of = tl.load(own + (2 + g) * WORDS + w, mask=ok, other=0)
                hit = hit | (any_of & tl.load(union + w))
                demanded = demanded | any_of
            may = may & ((hit != 0) | (demanded == 0))
    return may


@triton.jit
def wrong_bits(missed, held, all_of, none_of, key_ok, query_ok):
    """missed plus the bits of one word that an all- or none-clause does not find as it wants them, int32 [M, N]."""
    has = tl.load(held, mask=key_ok, other=0)
    wanted = tl.load(all_of, mask=query_ok, other=0)
    refused = tl.load(none_of, mask=query_ok, other=0)
    return missed | (wanted[:, None] & ~has[None, :]) | (refused[:, None] & has[None, :])


@triton.jit
def visible_tile(
    all_of,
    none_of,
    any_of,
    clause_stride,
    group_stride,
    queries,
    query_ok,
    query_position,
    hidden_from_s,
    hidden_to_s,
    key_words,
    keys,
    key_ok,
    key_position,
    key_time_s,
    num_words,
    WORDS: tl.constexpr,
    GROUPS: tl.constexpr,
    ANCHORED: tl.constexpr,
):
    """Eq. 1, causality, padding and Eq. 5 for every pair, bool [M, N]; the definition is `reference.visible_keys`.

    all_of, none_of, any_of: pointers to the clauses of query 0; strides in words from query to query.
    """
    visible = query_ok[:, None] & (key_position[None, :] <= query_position[:, None])
    if ANCHORED:
        inside = (key_time_s[None, :] >= hidden_from_s[:, None]) & (key_time_s[None, :] <= hidden_to_s[:, None])
        visible = visible & (inside == 0)
    if WORDS > 0:
        clause = queries.to(tl.int64) * clause_stride
        group = queries.to(tl.int64) * group_stride
        held = key_words + keys.to(tl.int64) * WORDS
        missed = query_position[:, None] * 0 + key_position[None, :] * 0
        # From the second 64-bit word on, the loop runs at run time: unrolled, the words of many attributes would fill
        # the registers all at once.
        if WORDS <= 2:
            for w in tl.static_range(WORDS):
                missed = wrong_bits(missed, held + w, all_of + clause + w, none_of + clause + w, key_ok, query_ok)
        else:
            for w in range(0, num_words):
                missed = wrong_bits(missed, held + w, all_of + clause + w, none_of + clause + w, key_ok, query_ok)
        visible = visible & (missed == 0)
        for g in tl.static_range(GROUPS):
            hit = query_position[:, None] * 0 + key_position[None, :] * 0
            demanded = query_position * 0
            first = any_of + group + g * WORDS
            if WORDS <= 2:
                for w in tl.static_range(WORDS):
                    wanted = tl.load(first + w, mask=query_ok, other=0)
                    demanded = demanded | wanted
                    hit = hit | (wanted[:, None] & tl.load(held + w, mask=key_ok, other=0)[None, :])
            else:
                for w in range(0, num_words):
                    wanted = tl.load(first + w, mask=query_ok, other=0)
                    demanded = demanded | wanted
                    hit = hit | (wanted[:, None] & tl.load(held + w, mask=key_ok, other=0)[None, :])
            visible = visible & ((hit != 0) | (demanded == 0)[:, None])
    return visible


@triton.jit
def seconds_since(start_s, time_s):
    """Times after start_s in 32 bits, as in `plan`."""
    return tl.minimum(tl.maximum(time_s - start_s, -1073741823), 1073741823).to(tl.int32)


@triton.jit
def floor_log2(number):
    """floor(log2(number)) of positive int32: clearing the second highest bit keeps float32 from rounding up."""
    exact = (number & ~(number >> 1)).to(tl.float32)
    return (exact.to(tl.int32, bitcast=True) >> 23) - 127


@triton.jit
def position_buckets(query_position, key_position, NUM: tl.constexpr):
    """`relative_bias.position_bucket` of every pair, int32 [M, N]."""
    distance = tl.maximum(query_position[:, None] - key_position[None, :], 0)
    far = tl.minimum(tl.maximum(distance, 16), 32768)
    bucket = tl.where(distance < 16, distance, floor_log2(far * far) + 8)
    return tl.minimum(bucket, NUM - 1)


@triton.jit
def time_buckets(query_time_s, key_time_s, NUM: tl.constexpr):
    """`relative_bias.time_bucket` of every pair, int32 [M, N]."""
    gap_s = tl.maximum(query_time_s[:, None] - key_time_s[None, :], 0)
    return tl.minimum(floor_log2(gap_s + 1), NUM - 1)


@triton.jit
def mask_tile(
    visible,
    query_position,
    key_position,
    query_time_s,
    key_time_s,
    position_table,
    time_table,
    head,
    POSITIONS: tl.constexpr,
    TIMES: tl.constexpr,
):
    """What is added to the scaled products, in powers of two: the bias, -inf where not visible; float32 [M, N]."""
    # One float tile made where the tables are read: it is laid out anew for the products once, the many integer tiles
    # behind it never.
    LOG2_E: tl.constexpr = 1.4426950408889634
    added = query_position[:, None] * 0.0 + key_position[None, :] * 0.0
    if POSITIONS > 0:
        buckets = position_buckets(query_position, key_position, POSITIONS)
        added += tl.load(position_table + head * POSITIONS + buckets).to(tl.float32) * LOG2_E
    if TIMES > 0:
        buckets = time_buckets(query_time_s, key_time_s, TIMES)
        added += tl.load(time_table + head * TIMES + buckets).to(tl.float32) * LOG2_E
    return tl.where(visible, added, float("-inf"))


@triton.jit
def table_gradient(buckets, first, last, gradient, total):
    """Add the share of each bucket from first to last of `gradient` [M, N] to `total` [cells]."""
    cell = tl.arange(0, total.shape[0])
    for bucket in range(first, last + 1):
        share = tl.sum(tl.where(buckets == bucket, gradient, 0.0))
        total += tl.where(cell == bucket, share, 0.0)
    return total


@triton.jit
def widest(earliest, latest, lowest, highest):
    """The smallest and the largest difference of an entry of [earliest, latest] and one of [lowest, highest], [1]."""
    one = tl.zeros([1], tl.int32)
    return one + (earliest - highest), one + (latest - lowest)
