"""guided_attention: attention whose masks are computed from small per-key and per-query arrays (public entry)."""

from typing import Literal, TypedDict

import torch
from torch import Tensor

from kernels.guided_attention.condition_rows import condition_rows_attention
from kernels.guided_attention.plan import make_plan
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.reference import reference_attention
from kernels.guided_attention.relative_bias import RelativeBias

Backend = Literal["reference", "condition_rows", "fused"]
BACKENDS: tuple[Backend, ...] = ("reference", "condition_rows", "fused")


class Arguments(TypedDict):
    """Everything but q, k and v, as `guided_attention` takes it."""

    query_position: Tensor
    key_length: Tensor
    key_attributes: Tensor | None
    query_condition: ConditionBits | None
    key_time_s: Tensor | None
    query_anchor_s: Tensor | None
    safety_interval_s: int
    bias: RelativeBias | None
    condition_key: Tensor | None
    condition_value: Tensor | None


MAX_SERVING_QUERIES = 16
"""Up to so many queries per history without gradients, the fused backend reads each key once for all of them."""


def backend_for(device_type: str, *, gradients: bool) -> Backend:
    """The backend that suits a device: "fused" on CUDA, on a CPU "condition_rows", or "reference" with gradients."""
    if device_type == "cuda":
        return "fused"
    return "reference" if gradients else "condition_rows"


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
    backend: "reference" is the definition; "condition_rows" is for serving on a CPU; "fused" is Triton, for CUDA, in
        bfloat16, float16 or float32, head widths up to 128. It counts times more than 34 years from the first as 34.
    Raises ValueError where shapes or pairs do not fit, or the backend is unknown or cannot take these tensors.
    """
    if backend not in BACKENDS:
        raise ValueError(f"expected a backend of {BACKENDS}, got {backend!r}")
    _check_shapes(q, k, v, query_position, key_length)
    _check_pair("key_attributes", key_attributes, "query_condition", query_condition)
    _check_pair("condition_key", condition_key, "condition_value", condition_value)
    if query_anchor_s is not None and key_time_s is None:
        raise ValueError("expected key_time_s beside query_anchor_s, got None")
    arguments: Arguments = {
        "query_position": query_position,
        "key_length": key_length,
        "key_attributes": key_attributes,
        "query_condition": query_condition,
        "key_time_s": key_time_s,
        "query_anchor_s": query_anchor_s,
        "safety_interval_s": safety_interval_s,
        "bias": bias,
        "condition_key": condition_key,
        "condition_value": condition_value,
    }
    if backend == "reference":
        return reference_attention(q, k, v, **arguments)
    gradients = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad
        for tensor in (q, k, v, condition_key, condition_value, *(bias or ())[:2])
    )
    if backend == "condition_rows":
        if gradients or q.device.type != "cpu":
            raise ValueError(f"expected CPU tensors and no gradients for condition_rows, got {q.device}, {gradients=}")
        return condition_rows_attention(q, k, v, **arguments)
    return _fused(q, k, v, arguments, gradients)


def _fused(q: Tensor, k: Tensor, v: Tensor, arguments: Arguments, gradients: bool) -> Tensor:
    # Triton is a large, optional dependency: only whoever asks for this backend loads it.
    from kernels.guided_attention.fused import fused_attention
    from kernels.guided_attention.fused_serving import fused_serving

    bias = arguments["bias"]
    if (
        bias is not None
        and bias.time_table is not None
        and (bias.query_time_s is None or arguments["key_time_s"] is None)
    ):
        raise ValueError("expected query_time_s and key_time_s beside a time table, got None")
    if not gradients and q.shape[2] <= MAX_SERVING_QUERIES:
        return fused_serving(q, k, v, **arguments)
    plan = make_plan(
        arguments["query_position"],
        arguments["key_length"],
        k.shape[2],
        key_attributes=arguments["key_attributes"],
        query_condition=arguments["query_condition"],
        key_time_s=arguments["key_time_s"],
        query_anchor_s=arguments["query_anchor_s"],
        query_time_s=None if bias is None else bias.query_time_s,
        safety_interval_s=arguments["safety_interval_s"],
    )
    return fused_attention(
        q,
        k,
        v,
        plan,
        position_table=None if bias is None else bias.position_table,
        time_table=None if bias is None else bias.time_table,
        condition_key=arguments["condition_key"],
        condition_value=arguments["condition_value"],
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
