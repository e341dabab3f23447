"""The kernels on a real device, bfloat16 on tensor cores: TRITON_INTERPRET=0 pytest -m gpu."""

import pytest
import torch

from tests.kernels.guided_attention.cases import assert_as_exact_as_the_reference, make_case, outcome

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


@pytest.fixture(autouse=True)
def compiled():
    """Compiled kernels in this process."""
    from kernels.guided_attention.fused import interpreted

    if interpreted():
        pytest.skip("this process interprets the kernels; TRITON_INTERPRET=0 pytest -m gpu compiles them")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("width", [16, 24, 64])
@pytest.mark.parametrize("num_keys", [1, 63, 127, 1000])
@pytest.mark.parametrize("attributes", [1, 8, 64, 130])
def test_training_equals_the_definition(dtype, width, num_keys, attributes):
    case = make_case(N=num_keys, D=width, attributes=attributes)
    assert_as_exact_as_the_reference(case, "fused", dtype, device="cuda")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_the_widest_heads_and_the_longest_history(dtype):
    assert_as_exact_as_the_reference(make_case(N=4096, B=1, H=1, D=128), "fused", dtype, device="cuda")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("queries", [1, 8, 16])
@pytest.mark.parametrize("num_keys", [1, 127, 4096])
def test_serving_equals_the_definition(dtype, queries, num_keys):
    case = make_case(N=num_keys, Q=queries, B=3, D=64, last=True)
    assert_as_exact_as_the_reference(case, "fused", dtype, device="cuda", gradients=False)


def test_a_run_repeats_bit_for_bit():
    case = make_case(N=300, D=64)
    first, second = (outcome(case, "fused", torch.bfloat16, device="cuda") for _ in range(2))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=0, rtol=0, msg=name)
