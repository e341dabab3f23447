"""The serving kernel in Triton's interpreter against the definition in float64."""

import pytest
import torch

from tests.kernels.guided_attention.cases import (
    assert_as_exact_as_the_reference,
    make_case,
    outcome,
    without_conditions,
)

fused_serving = pytest.importorskip("kernels.guided_attention.fused_serving", reason="the kernels need Triton")
pytestmark = pytest.mark.usefixtures("interpreter", "poisoned_memory")


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"N": 1, "Q": 1, "attributes": 1}, id="1-key-1-query"),
        pytest.param({"N": 63, "Q": 8, "B": 3}, id="63-keys-8-queries"),
        pytest.param({"N": 127, "Q": 16, "attributes": 130, "groups": 2, "D": 24}, id="127-keys-130-attributes"),
        pytest.param({"N": 1000, "Q": 4, "B": 1, "attributes": 64}, id="1000-keys"),
        pytest.param({"N": 50, "Q": 5, "own_key": False}, id="no-condition-key"),
        pytest.param({"N": 50, "Q": 5, "biased": False, "anchored": False, "D": 128}, id="no-bias-no-anchor"),
    ],
)
@pytest.mark.parametrize("last", [True, False], ids=["last-event", "anywhere"])
def test_serving_equals_the_definition(sizes, last):
    assert_as_exact_as_the_reference(make_case(**sizes, last=last), "fused", torch.float32, gradients=False)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_is_no_worse_than_the_reference(dtype):
    case = make_case(N=100, Q=8, last=True, seed=2)
    assert_as_exact_as_the_reference(case, "fused", dtype, gradients=False)


def test_serving_without_conditions():
    case = without_conditions(make_case(N=40, Q=3, last=True))
    assert_as_exact_as_the_reference(case, "fused", torch.float32, gradients=False)


@pytest.mark.parametrize("own_key", [True, False], ids=["condition-key", "no-condition-key"])
def test_programs_that_share_a_history_agree_with_one(monkeypatch, own_key):
    case = make_case(N=200, Q=4, last=True, own_key=own_key, seed=5)
    case.masks["key_length"][1] = 10
    case.masks["query_position"] = (case.masks["key_length"] - 1)[:, None].expand(2, 4)
    monkeypatch.setattr(fused_serving, "splits_of", lambda *_: 4)
    assert_as_exact_as_the_reference(case, "fused", torch.float32, gradients=False)


def test_keys_that_no_query_of_the_user_can_see_are_never_read():
    case = make_case(N=64, Q=4, B=1, last=True, attributes=2, anchored=False, empty_rows=False)
    condition = case.masks["query_condition"]
    for part in condition:
        part.zero_()
    condition.all_of[:] = 2
    odd = torch.arange(64) % 2 == 1
    case.masks["key_attributes"].copy_(torch.where(odd, 2, 1)[None, :, None])
    expected = outcome(case, "reference", torch.float64, gradients=False)
    for name in ("k", "v"):
        case.tensors[name][:, :, ~odd] = float("nan")
    found = outcome(case, "fused", torch.float32, gradients=False)
    torch.testing.assert_close(found["out"], expected["out"], atol=2e-5, rtol=1e-4)


def test_few_users_are_spread_over_the_device():
    splits_of = fused_serving.splits_of
    assert splits_of(1, 512, 64, 132) == 8  # a split per block of keys
    assert splits_of(4, 4096, 64, 132) == 16
    assert splits_of(132, 512, 64, 132) == 2
    assert splits_of(1000, 512, 64, 132) == 1
    assert splits_of(1, 3, 64, 132) == 1


def test_more_queries_than_a_tile_holds_are_refused():
    case = make_case(N=4, Q=17)
    tensors = {name: case.tensors[name].float() for name in "qkv"}
    position, length = case.masks["query_position"], case.masks["key_length"]
    with pytest.raises(ValueError, match="at most 16"):
        fused_serving.fused_serving(**tensors, query_position=position, key_length=length)
