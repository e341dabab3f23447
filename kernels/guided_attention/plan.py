"""Plan: the small integer arrays that the fused kernels compute every mask from, linear in queries and keys."""

from typing import NamedTuple

import torch
from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits

INVISIBLE = 2**31 - 1
"""Position of a padding key: after every query."""
FAR_S = 2**30 - 1
"""Times count from the history's first event; more than 34 years away count as 34 years, so that gaps fit 32 bits."""


class Blocks(NamedTuple):
    """What a block of keys holds, one row per block: enough to know that none of its keys can match.

    first_position: int32 [B, blocks]; union, shared: int32 [B, blocks, words], bits of any key, bits of all keys;
    first_s, last_s: int32 [B, blocks].
    """

    first_position: Tensor
    union: Tensor
    shared: Tensor
    first_s: Tensor
    last_s: Tensor


class Plan(NamedTuple):
    """Rows in visiting order: like conditions together, like attributes together, by position within.

    query_row: int32 [B, Q], key_row: int32 [B, N], where each row lies in q, k and v; positions: int32 likewise.
    query_words: int32 [B, Q, words * (2 + groups)] as all, none, any groups; key_words: int32 [B, N, words].
    Times: int32, seconds from the first event of the history; [B, 0] where a call has none.
    """

    query_row: Tensor
    key_row: Tensor
    query_position: Tensor
    key_position: Tensor
    query_words: Tensor
    key_words: Tensor
    query_time_s: Tensor
    hidden_from_s: Tensor
    hidden_to_s: Tensor
    key_time_s: Tensor
    words: int
    groups: int


def make_plan(
    query_position: Tensor,
    key_length: Tensor,
    num_keys: int,
    *,
    key_attributes: Tensor | None,
    query_condition: ConditionBits | None,
    key_time_s: Tensor | None,
    query_anchor_s: Tensor | None,
    query_time_s: Tensor | None,
    safety_interval_s: int,
) -> Plan:
    """The plan of a call; arguments as in `op`."""
    num_rows, num_queries = query_position.shape
    device = query_position.device
    key_position = torch.arange(num_keys, device=device).expand(num_rows, num_keys)
    key_position = key_position.masked_fill(key_position >= key_length[:, None], INVISIBLE)
    key_row = torch.arange(num_keys, device=device).expand(num_rows, num_keys)
    query_row = torch.arange(num_queries, device=device).expand(num_rows, num_queries)
    key_words = query_words = torch.zeros(num_rows, 0, 0, dtype=torch.int32, device=device)
    words = groups = 0
    if key_attributes is not None and query_condition is not None:
        groups = query_condition.any_of.shape[2]
        query_row, key_row = _by_condition(query_condition, query_position), _by_attributes(key_attributes)
        key_words = _int32_words(key_attributes)
        parts = (query_condition.all_of, query_condition.none_of, query_condition.any_of.flatten(2))
        query_words = torch.cat([_int32_words(part) for part in parts], -1)
        words = key_words.shape[-1]
        key_words = key_words.gather(1, key_row[:, :, None].expand_as(key_words))
        query_words = query_words.gather(1, query_row[:, :, None].expand_as(query_words))
    else:
        query_row = query_position.argsort(dim=1, stable=True)
    start_s = query_row.new_zeros(num_rows, 1) if key_time_s is None else key_time_s[:, :1]
    return Plan(
        query_row.int().contiguous(),
        key_row.int().contiguous(),
        query_position.gather(1, query_row).int(),
        key_position.gather(1, key_row).int(),
        query_words.contiguous(),
        key_words.contiguous(),
        _seconds_since(start_s, query_time_s, query_row),
        _seconds_since(start_s + safety_interval_s, query_anchor_s, query_row),
        _seconds_since(start_s, query_anchor_s, query_row),
        _seconds_since(start_s, key_time_s, key_row),
        words,
        groups,
    )


def summarise(plan: Plan, block: int) -> Blocks:
    """Summaries of the plan's key blocks of `block` keys; padding keys take no part."""
    padding = plan.key_position == INVISIBLE
    first_position = _blocked(plan.key_position, block, INVISIBLE).amin(2)
    union = shared = plan.key_words
    if plan.words:
        union = _folded(plan.key_words.masked_fill(padding[:, :, None], 0), block, 0, torch.bitwise_or)
        shared = _folded(plan.key_words.masked_fill(padding[:, :, None], -1), block, -1, torch.bitwise_and)
    first_s = last_s = plan.key_time_s
    if plan.hidden_to_s.shape[1]:
        first_s = _blocked(plan.key_time_s.masked_fill(padding, 2**31 - 1), block, 2**31 - 1).amin(2)
        last_s = _blocked(plan.key_time_s.masked_fill(padding, -(2**31)), block, -(2**31)).amax(2)
    return Blocks(first_position, union, shared, first_s, last_s)


def _by_attributes(attributes: Tensor) -> Tensor:
    """Keys with equal attribute sets side by side, sets that share high bits close, oldest first; int64 [B, N]."""
    order = attributes[:, :, 0].argsort(dim=1, stable=True)
    for word in range(1, attributes.shape[2]):
        keys = attributes[:, :, word].gather(1, order)
        order = order.gather(1, keys.argsort(dim=1, stable=True))
    return order


def _by_condition(condition: ConditionBits, position: Tensor) -> Tensor:
    """Queries with equal conditions side by side, by position within; int64 [B, Q]."""
    words = torch.cat([condition.all_of, condition.none_of, condition.any_of.flatten(2)], -1)
    # Any mix will do: equal conditions must meet, nothing depends on which stand beside which.
    mixed = torch.zeros_like(words[:, :, 0])
    for word in range(words.shape[2]):
        mixed = (mixed ^ words[:, :, word]) * 0x2545F4914F6CDD1D
        mixed = mixed ^ (mixed >> 29)
    order = position.argsort(dim=1, stable=True)
    return order.gather(1, mixed.gather(1, order).argsort(dim=1, stable=True))


def _seconds_since(start_s: Tensor, time_s: Tensor | None, row: Tensor) -> Tensor:
    """Times of the rows after start_s [B, 1]; int32 [B, rows], [B, 0] where there are none."""
    if time_s is None:
        return torch.zeros(len(row), 0, dtype=torch.int32, device=row.device)
    return (time_s.gather(1, row) - start_s).clamp(-FAR_S, FAR_S).int()


def _int32_words(words: Tensor) -> Tensor:
    """64-bit words as twice as many 32-bit ones: any, all and none mean the same on them."""
    return words.contiguous().view(torch.int32)


def _blocked(rows: Tensor, block: int, fill: int) -> Tensor:
    """[B, N, ...] -> [B, blocks, block, ...], the tail filled."""
    missing = -rows.shape[1] % block
    if missing:
        tail = rows.new_full((rows.shape[0], missing, *rows.shape[2:]), fill)
        rows = torch.cat([rows, tail], 1)
    return rows.unflatten(1, (-1, block))


def _folded(words: Tensor, block: int, fill: int, fold: object) -> Tensor:
    """Bitwise OR or AND over each block of a power of two keys."""
    blocked = _blocked(words, block, fill)
    while blocked.shape[2] > 1:
        half = blocked.shape[2] // 2
        blocked = fold(blocked[:, :, :half], blocked[:, :, half:])  # type: ignore[operator]
    return blocked.squeeze(2).contiguous()
