"""Ragged users end to end equal the same users padded."""

import pytest
import torch

from kernels.guided_attention.op import guided_attention
from kernels.guided_attention.packed import guided_attention_packed
from kernels.guided_attention.relative_bias import RelativeBias
from tests.kernels.guided_attention.cases import make_case

LENGTHS = [1, 40, 7, 33]


def packed(padded):
    """Rows of every user's history end to end, from padded [B, N, ...]."""
    return [torch.cat([rows[b, :length] for b, length in enumerate(LENGTHS)]) for rows in padded]


@pytest.fixture
def case():
    case = make_case(N=40, Q=5, B=4, anchored=False)
    case.masks["key_length"].copy_(torch.tensor(LENGTHS))
    case.masks["query_position"].copy_((torch.tensor(LENGTHS) - 1)[:, None].expand(-1, 5))
    return case


@pytest.mark.parametrize("backend", ["reference", "condition_rows", "fused"])
def test_packed_equals_padded(case, backend, request):
    if backend == "fused":
        request.getfixturevalue("interpreter")
    tensors = {name: value.float() for name, value in case.tensors.items()}
    bias = RelativeBias(tensors["position_table"], tensors["time_table"], case.query_time_s)
    own = {name: tensors[name] for name in ("condition_key", "condition_value")}
    expected = guided_attention(tensors["q"], tensors["k"], tensors["v"], **case.masks, bias=bias, **own)
    rows = (tensors["k"].transpose(1, 2), tensors["v"].transpose(1, 2))
    k, v, attributes, time_s = packed((*rows, case.masks["key_attributes"], case.masks["key_time_s"]))
    length = torch.tensor(LENGTHS)
    found = guided_attention_packed(
        tensors["q"],
        k,
        v,
        key_start=length.cumsum(0) - length,
        key_length=length,
        key_attributes=attributes,
        query_condition=case.masks["query_condition"],
        key_time_s=time_s,
        bias=bias,
        **own,
        backend=backend,
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("length", [[0, 3], [2, 5]], ids=["empty", "too-long"])
def test_histories_must_lie_within_the_rows(length):
    rows = torch.zeros(5, 1, 4)
    with pytest.raises(ValueError, match="histories"):
        guided_attention_packed(
            torch.zeros(2, 1, 1, 4),
            rows,
            rows,
            key_start=torch.tensor([0, 2]),
            key_length=torch.tensor(length),
            backend="reference",
        )
