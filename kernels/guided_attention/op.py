"""guided_attention: attention whose masks are computed from small per-key and per-query arrays (public entry)."""

from typing import Literal

from torch import Tensor

from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.reference import reference_attention
from kernels.guided_attention.relative_bias import RelativeBias

Backend = Literal["reference"]
BACKENDS: tuple[Backend, ...] = ("reference",)


def guided_attention(
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
    backend: Backend = "reference",
) -> Tensor:
    """Condition-guided sparse attention (arXiv 2602.13581, Eq. 1, 2 and 5); returns [B, H, Q, Dh].

    q: [B, H, Q, Dh]; k, v: [B, H, N, Dh]. Queries need not be keys: training has Q = N rows, serving P condition rows.
    query_position: [B, Q] position of each query in the history; it sees keys at or before it.
    key_length: [B] number of real keys; the rest is padding.
    key_attributes: [B, N, W] int64 bit sets; query_condition: bit sets [B, Q, ...]. Both or neither.
    key_time_s: [B, N], query_anchor_s: [B, Q] int64; keys inside [anchor - safety_interval_s, anchor] are hidden.
    bias: relative position and time bias.
    condition_key, condition_value: [B, H, Q, Dh], one extra key that only its own query sees, always. Without it a
        query that sees nothing returns zeros; with it the answer is the condition's own value.
        Deviates: the paper leaves empty rows undefined.
    Raises ValueError where shapes or pairs do not fit, or the backend is unknown.
    """
    if backend not in BACKENDS:
        raise ValueError(f"expected a backend of {BACKENDS}, got {backend!r}")
    _check_shapes(q, k, v, query_position, key_length)
    _check_pair("key_attributes", key_attributes, "query_condition", query_condition)
    _check_pair("condition_key", condition_key, "condition_value", condition_value)
    if query_anchor_s is not None and key_time_s is None:
        raise ValueError("expected key_time_s beside query_anchor_s, got None")
    return reference_attention(
        q,
        k,
        v,
        query_position=query_position,
        key_length=key_length,
        key_attributes=key_attributes,
        query_condition=query_condition,
        key_time_s=key_time_s,
        query_anchor_s=query_anchor_s,
        safety_interval_s=safety_interval_s,
        bias=bias,
        condition_key=condition_key,
        condition_value=condition_value,
    )


def _check_shapes(q: Tensor, k: Tensor, v: Tensor, query_position: Tensor, key_length: Tensor) -> None:
    if q.dim() != 4 or k.shape != v.shape or q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError(f"expected q [B, H, Q, Dh], k and v [B, H, N, Dh], got {q.shape}, {k.shape}, {v.shape}")
    if query_position.shape != (q.shape[0], q.shape[2]):
        raise ValueError(f"expected query_position {(q.shape[0], q.shape[2])}, got {tuple(query_position.shape)}")
    if key_length.shape != (q.shape[0],):
        raise ValueError(f"expected key_length {(q.shape[0],)}, got {tuple(key_length.shape)}")


def _check_pair(first_name: str, first: object, second_name: str, second: object) -> None:
    if (first is None) != (second is None):
        raise ValueError(f"expected {first_name} and {second_name} together, got only one of them")
