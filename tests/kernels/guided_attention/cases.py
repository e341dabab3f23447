"""Random calls of guided_attention, the same for every backend, and the rule that their errors are held to."""

from dataclasses import dataclass, replace

import torch

from kernels.guided_attention.op import guided_attention
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.relative_bias import RelativeBias

FLOATS = ("q", "k", "v", "position_table", "time_table", "condition_key", "condition_value")


@dataclass(frozen=True)
class Case:
    """Masks as `guided_attention` takes them, and float64 tensors by name."""

    masks: dict
    query_time_s: torch.Tensor
    tensors: dict
    weight: torch.Tensor
    own_key: bool = True
    biased: bool = True

    def names(self):
        left_out = () if self.own_key else FLOATS[5:]
        left_out += () if self.biased else FLOATS[3:5]
        return [name for name in FLOATS if name not in left_out]

    def call(self, tensors, backend):
        bias = None
        if self.biased:
            bias = RelativeBias(tensors["position_table"], tensors["time_table"], self.query_time_s)
        own = {name: tensors[name] for name in FLOATS[5:] if self.own_key}
        return guided_attention(
            tensors["q"], tensors["k"], tensors["v"], **self.masks, bias=bias, **own, backend=backend
        )


def make_case(
    *,
    seed=0,
    B=2,
    H=2,
    Q=None,
    N=63,
    D=16,
    attributes=8,
    groups=1,
    anchored=True,
    own_key=True,
    biased=True,
    last=False,
    empty_rows=True,
):
    """Rows whose conditions match some keys, all of them, or (empty_rows) none; Q None: every key asks, in order."""
    generator = torch.Generator().manual_seed(seed)

    def integers(low, high, *shape):
        return torch.randint(low, high, shape, generator=generator)

    queries, words = N if Q is None else Q, -(-attributes // 64)

    def bits(probability, *shape):
        flags = (torch.rand(*shape, attributes, generator=generator) < probability).to(torch.int64)
        flags = torch.nn.functional.pad(flags, (0, 64 * words - attributes)).unflatten(-1, (words, 64))
        return (flags << torch.arange(64)).sum(-1)

    key_length = integers(1, N + 1, B)
    key_length[0] = N
    position = torch.arange(N).repeat(B, 1) if Q is None else integers(0, N, B, queries)
    if last:
        position = (key_length - 1)[:, None].expand(B, queries)
    few = 2.0 / attributes
    condition = ConditionBits(bits(0.4, B, queries, groups), bits(few / 4, B, queries), bits(few / 4, B, queries))
    condition.any_of[:, ::3] = 0
    condition.all_of[:, 1::3] = 0
    condition.none_of[:, ::2] = 0
    condition.all_of[:, ::6] = 0
    if empty_rows and queries > 4:
        condition.all_of[:, 4] |= 1
        condition.none_of[:, 4] |= 1
    time_s = 1_700_000_000 + integers(0, 3_000_000, B, N).sort(1).values
    asked_s = time_s.gather(1, position) + integers(0, 50_000, B, queries)
    masks = {
        "query_position": position,
        "key_length": key_length,
        "key_attributes": bits(0.3, B, N),
        "query_condition": condition,
        "key_time_s": time_s,
        "query_anchor_s": asked_s if anchored else None,
        "safety_interval_s": 200_000 if anchored else 0,
    }
    shapes = {
        "q": (B, queries, H, D),
        "k": (B, N, H, D),
        "v": (B, N, H, D),
        "condition_key": (B, queries, H, D),
        "condition_value": (B, queries, H, D),
    }
    # Heads lie between the rows, as a projection leaves them: nothing here is contiguous.
    tensors = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).transpose(1, 2)
        for name, shape in shapes.items()
    }
    tensors["position_table"] = torch.randn(H, 24, generator=generator, dtype=torch.float64)
    tensors["time_table"] = torch.randn(H, 31, generator=generator, dtype=torch.float64)
    weight = torch.randn(B, H, queries, D, generator=generator, dtype=torch.float64)
    return Case(masks, asked_s, tensors, weight, own_key, biased)


def without_conditions(case):
    return replace(case, masks=case.masks | {"key_attributes": None, "query_condition": None})


def outcome(case, backend, dtype, *, device="cpu", gradients=True):
    """Output and gradients by name, as float64 on the CPU."""
    case = on_device(case, device)
    tensors = {name: case.tensors[name].to(dtype).detach().requires_grad_(gradients) for name in case.names()}
    out = case.call(tensors, backend)
    found = {"out": out.detach().cpu().double()}
    if gradients:
        slopes = torch.autograd.grad(out, list(tensors.values()), case.weight.to(dtype), allow_unused=True)
        for name, slope in zip(tensors, slopes, strict=True):
            found[name] = torch.zeros_like(case.tensors[name]) if slope is None else slope
            found[name] = found[name].cpu().double()
    return found


def on_device(case, device):
    def moved(value):
        if isinstance(value, ConditionBits):
            return ConditionBits(*(part.to(device) for part in value))
        return value.to(device) if isinstance(value, torch.Tensor) else value

    return replace(
        case,
        masks={name: moved(value) for name, value in case.masks.items()},
        query_time_s=moved(case.query_time_s),
        tensors={name: moved(value) for name, value in case.tensors.items()},
        weight=moved(case.weight),
    )


def assert_as_exact_as_the_reference(case, backend, dtype, *, device="cpu", gradients=True):
    """Errors against float64 at most 2x (output) and 5x (gradients) those of the reference in the same dtype."""
    exact = outcome(case, "reference", torch.float64, gradients=gradients)
    plain = outcome(case, "reference", dtype, device=device, gradients=gradients)
    found = outcome(case, backend, dtype, device=device, gradients=gradients)
    assert list(found) == list(exact)
    for name, expected in exact.items():
        assert bool(found[name].isfinite().all()), name
        # Where the reference is exact by luck, a few roundings of the largest entry are granted.
        granted = 4 * torch.finfo(dtype).eps * float(expected.abs().max())
        allowed = (2 if name == "out" else 5) * float((plain[name] - expected).abs().max()) + granted
        error = float((found[name] - expected).abs().max())
        assert error <= allowed, f"{name}: expected an error up to {allowed:.3g}, got {error:.3g}"
