"""Conditions as rows of one SDPA call, against the definition."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.guided_attention.condition_rows import violates
from kernels.guided_attention.op import backend_for, guided_attention
from kernels.guided_attention.predicate import ConditionBits, satisfies
from tests.kernels.guided_attention.cases import (
    assert_as_exact_as_the_reference,
    make_case,
    outcome,
    without_conditions,
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    N=st.sampled_from([1, 2, 31, 64, 200, 700]),
    Q=st.integers(1, 16),
    attributes=st.sampled_from([1, 8, 64, 130]),
    groups=st.integers(1, 3),
    anchored=st.booleans(),
    own_key=st.booleans(),
    biased=st.booleans(),
    last=st.booleans(),
)
def test_it_equals_the_definition(**sizes):
    assert_as_exact_as_the_reference(make_case(**sizes), "condition_rows", torch.float32, gradients=False)


def test_without_conditions():
    case = without_conditions(make_case(N=40, Q=3, last=True))
    assert_as_exact_as_the_reference(case, "condition_rows", torch.float32, gradients=False)


def test_every_key_may_ask():
    assert_as_exact_as_the_reference(make_case(N=50), "condition_rows", torch.float32, gradients=False)


def test_an_empty_row_answers_with_its_condition_alone():
    case = make_case(N=30, Q=6, own_key=True)
    found = outcome(case, "condition_rows", torch.float32, gradients=False)["out"]
    torch.testing.assert_close(found[:, :, 4], case.tensors["condition_value"][:, :, 4], atol=1e-6, rtol=1e-6)
    bare = outcome(replace(case, own_key=False), "condition_rows", torch.float32, gradients=False)["out"]
    assert bool((bare[:, :, 4] == 0).all())


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), words=st.integers(1, 3), groups=st.integers(1, 3))
def test_violates_is_the_reverse_of_satisfies(seed, words, groups):
    generator = torch.Generator().manual_seed(seed)

    def bits(*shape):
        # Few distinct bits, the sign bit among them, so that clauses meet, contradict and repeat each other.
        picked = torch.randint(0, 16, shape, generator=generator)
        return torch.tensor([0, 1, 2, 4, 8, 1 << 62, -(1 << 63), 3, 0, 0, 5, 6, 0, 7, -1, 0])[picked]

    attributes = bits(2, 9, words)
    condition = ConditionBits(bits(2, 5, groups, words), bits(2, 5, words), bits(2, 5, words))
    expected = satisfies(attributes.unsqueeze(1), condition.unsqueeze(2))
    assert torch.equal(violates(attributes, condition), ~expected)


def test_it_is_not_for_training():
    case = make_case(N=4)
    with pytest.raises(ValueError, match="no gradients"):
        outcome(case, "condition_rows", torch.float32)


def test_the_backend_follows_the_device():
    assert backend_for("cuda", gradients=True) == backend_for("cuda", gradients=False) == "fused"
    assert backend_for("cpu", gradients=True) == "reference"
    assert backend_for("cpu", gradients=False) == "condition_rows"


def test_a_time_table_needs_times():
    case = make_case(N=4, Q=2, anchored=False)
    masks = case.masks | {"key_time_s": None}
    tensors = {name: value.float() for name, value in case.tensors.items()}
    for backend in ("reference", "condition_rows"):
        with pytest.raises(ValueError, match="key_time_s"):
            replace(case, masks=masks).call(tensors, backend)
    assert guided_attention(tensors["q"], tensors["k"], tensors["v"], **masks, backend="condition_rows") is not None
