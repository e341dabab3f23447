"""The training kernels in Triton's interpreter, outputs and every gradient against the definition in float64."""

from dataclasses import replace

import pytest
import torch

from kernels.guided_attention import tile_sizes
from kernels.guided_attention.predicate import ConditionBits
from tests.kernels.guided_attention.cases import (
    assert_as_exact_as_the_reference,
    make_case,
    outcome,
    without_conditions,
)

pytestmark = pytest.mark.usefixtures("interpreter", "poisoned_memory")


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param({"N": 1, "attributes": 1}, id="1-key"),
        pytest.param({"N": 63, "attributes": 8}, id="63-keys-8-attributes"),
        pytest.param({"N": 127, "B": 1, "attributes": 64, "groups": 2}, id="127-keys-64-attributes"),
        pytest.param({"N": 40, "attributes": 130}, id="130-attributes"),
        pytest.param({"N": 45, "Q": 70, "D": 24}, id="queries-anywhere-odd-width"),
        pytest.param({"N": 33, "B": 3, "H": 1, "D": 128, "anchored": False}, id="width-128-no-anchor"),
        pytest.param({"N": 50, "H": 1, "own_key": False}, id="no-condition-key"),
        pytest.param({"N": 50, "H": 1, "biased": False}, id="no-bias"),
    ],
)
def test_training_equals_the_definition(sizes):
    assert_as_exact_as_the_reference(make_case(**sizes), "fused", torch.float32)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_is_no_worse_than_the_reference(dtype):
    assert_as_exact_as_the_reference(make_case(N=48, seed=1), "fused", dtype)


def test_attention_without_conditions():
    assert_as_exact_as_the_reference(without_conditions(make_case(N=70, H=1, own_key=False)), "fused", torch.float32)


def test_a_long_history(monkeypatch):
    monkeypatch.setattr("kernels.guided_attention.fused.INTERPRETED", tile_sizes.Tile(128, 128, 4, 1))
    assert_as_exact_as_the_reference(make_case(N=1000, B=1, H=1), "fused", torch.float32)


def test_tiles_of_any_shape_agree(monkeypatch):
    case = make_case(N=63, B=1, seed=3)
    square = outcome(case, "fused", torch.float32)
    for tile in ((16, 32, 4, 1), (64, 16, 4, 1)):
        monkeypatch.setattr("kernels.guided_attention.fused.INTERPRETED", tile_sizes.Tile(*tile))
        other = outcome(case, "fused", torch.float32)
        for name, expected in square.items():
            torch.testing.assert_close(other[name], expected, atol=2e-5, rtol=1e-4, msg=name)


def test_rows_that_match_nothing_and_rows_that_match_everything():
    case = make_case(N=40, B=1, own_key=False, anchored=False)
    condition = ConditionBits(*(torch.zeros_like(part) for part in case.masks["query_condition"]))
    condition.all_of[:, ::2] = 1 << 40
    case = replace(case, masks=case.masks | {"query_condition": condition})
    found = outcome(case, "fused", torch.float32)
    assert bool((found["out"][:, :, ::2] == 0).all())
    assert bool((found["q"][:, :, ::2] == 0).all())
    assert_as_exact_as_the_reference(case, "fused", torch.float32)


def test_blocks_without_a_match_are_never_read():
    case = make_case(N=128, B=1, anchored=False, attributes=2, empty_rows=False)
    odd = torch.arange(128) % 2 == 1
    condition = ConditionBits(*(torch.zeros_like(part) for part in case.masks["query_condition"]))
    condition.all_of[:] = 2
    masks = case.masks | {"query_condition": condition, "key_attributes": torch.where(odd, 2, 1)[None, :, None]}
    clean = replace(case, masks=masks)
    # Sorted by attributes, the keys that nobody asks for fill blocks of their own.
    poisoned = dict(case.tensors)
    for name in ("k", "v"):
        poisoned[name] = case.tensors[name].clone()
        poisoned[name][:, :, ~odd] = float("nan")
    found = outcome(replace(clean, tensors=poisoned), "fused", torch.float32)
    expected = outcome(clean, "reference", torch.float64)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=2e-5, rtol=1e-4, msg=name)


def test_padding_is_never_read():
    case = make_case(N=50)
    case.masks["key_length"][1] = 20
    expected = outcome(case, "fused", torch.float32)
    poisoned = dict(case.tensors)
    for name in ("k", "v"):
        poisoned[name] = case.tensors[name].clone()
        poisoned[name][1, :, 20:] = float("nan")
    found = outcome(replace(case, tensors=poisoned), "fused", torch.float32)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=0, rtol=0, msg=name)


def test_one_differentiable_input_is_enough():
    case = make_case(N=20, B=1)
    tensors = {name: value.float() for name, value in case.tensors.items()}
    tensors["position_table"] = tensors["position_table"].requires_grad_()
    (slope,) = torch.autograd.grad(case.call(tensors, "fused"), tensors["position_table"], case.weight.float())
    exact = outcome(case, "reference", torch.float64)["position_table"]
    torch.testing.assert_close(slope.double(), exact, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "dtype", "message"),
    [({"D": 129}, torch.float32, "head width"), ({}, torch.float64, "dtype")],
    ids=["too-wide", "float64"],
)
def test_what_the_kernels_cannot_take_is_refused(sizes, dtype, message):
    case = make_case(N=4, **sizes)
    with pytest.raises(ValueError, match=message):
        outcome(case, "fused", dtype)
