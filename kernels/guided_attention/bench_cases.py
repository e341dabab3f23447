"""What the benchmark runs: shapes, and the competitors of guided attention on them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from kernels.guided_attention.op import guided_attention
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.reference import visible_keys
from kernels.guided_attention.relative_bias import RelativeBias, bias_logits, position_bucket

POSITION_BUCKETS, TIME_BUCKETS = 32, 31


@dataclass(frozen=True)
class Shape:
    """queries: P condition queries at the last event, or None where every one of N events asks. density: share of keys
    that a condition matches."""

    B: int
    H: int
    N: int
    D: int
    queries: int | None
    density: float


@dataclass(frozen=True)
class Call:
    """The arguments of one call, and its visible pairs."""

    tensors: dict[str, Tensor]
    masks: dict[str, Any]
    query_time_s: Tensor
    visible_pairs: int

    @property
    def bias(self) -> RelativeBias:
        return RelativeBias(self.tensors["position_table"], self.tensors["time_table"], self.query_time_s)


def make_call(shape: Shape, dtype: torch.dtype, device: str, *, gradients: bool, seed: int = 0) -> Call:
    """Items of one of 1 / density categories, histories of full length, every query asking for one category."""
    generator = torch.Generator().manual_seed(seed)
    B, H, N, D = shape.B, shape.H, shape.N, shape.D
    queries = shape.queries or N
    categories = max(1, round(1 / shape.density))

    def category(*size: int) -> Tensor:
        return torch.ones((), dtype=torch.int64) << torch.randint(0, categories, size, generator=generator)

    last = torch.full((B, 1), N - 1).expand(B, queries)
    position = torch.arange(N).expand(B, N) if shape.queries is None else last
    time_s = 1_700_000_000 + torch.randint(0, 10_000_000, (B, N), generator=generator).sort(1).values
    refused = torch.zeros(B, queries, 1, dtype=torch.int64)
    condition = ConditionBits(category(B, queries, 1, 1), refused, refused)
    masks: dict[str, Any] = {
        "query_position": position,
        "key_length": torch.full((B,), N),
        "key_attributes": category(B, N, 1),
        "query_condition": condition,
        "key_time_s": time_s,
    }
    query_time_s = time_s if shape.queries is None else time_s[:, -1:].expand(B, queries)
    seen = visible_keys(num_keys=N, query_anchor_s=None, safety_interval_s=0, **masks)
    sizes = {"q": queries, "k": N, "v": N, "condition_key": queries, "condition_value": queries}
    # As a projection leaves them: heads between the rows.
    tensors = {name: torch.randn(B, rows, H, D, generator=generator).transpose(1, 2) for name, rows in sizes.items()}
    tensors["position_table"] = torch.randn(H, POSITION_BUCKETS, generator=generator)
    tensors["time_table"] = torch.randn(H, TIME_BUCKETS, generator=generator)
    tensors = {
        name: tensor.to(device, torch.float32 if name.endswith("table") else dtype).requires_grad_(gradients)
        for name, tensor in tensors.items()
    }
    masks = {name: value.to(device) for name, value in masks.items() if name != "query_condition"}
    masks["query_condition"] = ConditionBits(*(part.to(device) for part in condition))
    return Call(tensors, masks, query_time_s.to(device), int(seen.sum()))


def guided(call: Call, backend: Any) -> Tensor:
    """The op itself."""
    q, k, v, own_key, own_value = (call.tensors[name] for name in ("q", "k", "v", "condition_key", "condition_value"))
    own = {"condition_key": own_key, "condition_value": own_value}
    arguments: dict[str, Any] = {**call.masks, **own, "bias": call.bias}
    return guided_attention(q, k, v, **arguments, backend=backend)


def dense_sdpa(call: Call) -> Tensor:
    """One SDPA call under a dense mask that holds the bias; the condition keys stand beside the history's."""
    q, k, v, own_key, own_value = (call.tensors[name] for name in ("q", "k", "v", "condition_key", "condition_value"))
    hidden = ~visible_keys(num_keys=k.shape[2], query_anchor_s=None, safety_interval_s=0, **call.masks).unsqueeze(1)
    added = bias_logits(call.bias, call.masks["query_position"], k.shape[2], call.masks["key_time_s"])
    mask = added.masked_fill(hidden, float("-inf"))
    own = torch.full((q.shape[2],) * 2, float("-inf"), device=q.device).fill_diagonal_(0.0)
    mask = torch.cat([mask, own.expand(*mask.shape[:2], -1, -1)], 3).to(q.dtype)
    keys, values = torch.cat([k, own_key], 2), torch.cat([v, own_value], 2)
    return functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)


def causal_sdpa(call: Call) -> Tensor:
    """Plain causal attention without bias or conditions: what generality is paid against. Training shapes only."""
    q, k, v = (call.tensors[name] for name in "qkv")
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def flex(call: Call, *, compiled: bool = True) -> Callable[[], Tensor]:
    """FlexAttention with the same mask and bias, compiled for this call; the condition keys are merged after."""
    from torch.nn.attention.flex_attention import AuxRequest, create_block_mask, flex_attention

    q, k, v = (call.tensors[name] for name in "qkv")
    own_key, own_value = call.tensors["condition_key"], call.tensors["condition_value"]
    position, time_s, asked_s = call.masks["query_position"], call.masks["key_time_s"], call.query_time_s
    held, wanted = call.masks["key_attributes"][..., 0], call.masks["query_condition"].any_of[..., 0, 0]
    recent = call.tensors["time_table"]
    steps = torch.arange(k.shape[2], device=k.device)
    near = call.tensors["position_table"][:, position_bucket(steps, POSITION_BUCKETS)]

    def visible(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:  # noqa: ARG001 - the interface of FlexAttention
        return (j <= position[b, i]) & ((held[b, j] & wanted[b, i]) != 0)

    def biased(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        gap_s = ((asked_s[b, i] - time_s[b, j]).clamp(min=0) + 1).to(torch.int32)
        # floor(log2) from the exponent of a float, as the kernels do it.
        octave = ((gap_s & ~(gap_s >> 1)).float().view(torch.int32) >> 23) - 127
        return score + near[h, (position[b, i] - j).clamp(min=0)] + recent[h, octave.clamp(max=TIME_BUCKETS - 1)]

    attend: Any = torch.compile(flex_attention, dynamic=False) if compiled else flex_attention
    block_mask: Any = torch.compile(create_block_mask, dynamic=False) if compiled else create_block_mask
    size = (q.shape[0], None, q.shape[2], k.shape[2])

    def run() -> Tensor:
        mask = block_mask(visible, *size, device=q.device.type)
        wanted_aux: Any = AuxRequest(lse=True)
        out, aux = attend(q, k, v, score_mod=biased, block_mask=mask, return_aux=wanted_aux)
        own = (q * own_key).sum(-1, keepdim=True) * q.shape[-1] ** -0.5
        return torch.lerp(out, own_value, torch.sigmoid(own - aux.lse[..., None]).to(out.dtype))

    return run
