"""guided_attention against a loop over single pairs in float64, outputs and every gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.guided_attention.op import guided_attention
from kernels.guided_attention.predicate import ConditionBits
from kernels.guided_attention.reference import visible_keys
from kernels.guided_attention.relative_bias import RelativeBias, position_bucket, time_bucket

B, H, Q, N, DH = 2, 2, 5, 7, 4
LENGTH = [7, 4]
INTERVAL_S = 40


def pairwise_visible(case, b, i, j):
    """The definition, one pair at a time, on Python integers."""
    if j >= LENGTH[b] or j > int(case["query_position"][b, i]):
        return False
    time_s, anchor_s = int(case["key_time_s"][b, j]), int(case["query_anchor_s"][b, i])
    if anchor_s - INTERVAL_S <= time_s <= anchor_s:
        return False
    have = {bit for bit in range(64) if int(case["key_attributes"][b, j, 0]) >> bit & 1}
    any_of = {bit for bit in range(64) if int(case["condition"].any_of[b, i, 0, 0]) >> bit & 1}
    all_of = {bit for bit in range(64) if int(case["condition"].all_of[b, i, 0]) >> bit & 1}
    none_of = {bit for bit in range(64) if int(case["condition"].none_of[b, i, 0]) >> bit & 1}
    return all_of <= have and not none_of & have and (not any_of or bool(any_of & have))


def pairwise_attention(case, tensors):
    """Softmax over the visible keys and the query's own condition key, summed pair by pair."""
    rows = []
    for b in range(B):
        for h in range(H):
            for i in range(Q):
                q = tensors["q"][b, h, i]
                logits, values = [], []
                for j in range(N):
                    if not pairwise_visible(case, b, i, j):
                        continue
                    distance = torch.tensor(max(0, int(case["query_position"][b, i]) - j))
                    gap_s = torch.tensor(int(case["query_time_s"][b, i]) - int(case["key_time_s"][b, j]))
                    bias = tensors["position_table"][h, position_bucket(distance, 6)]
                    bias = bias + tensors["time_table"][h, time_bucket(gap_s, 9)]
                    logits.append(q @ tensors["k"][b, h, j] / math.sqrt(DH) + bias)
                    values.append(tensors["v"][b, h, j])
                if case["own_key"]:
                    logits.append(q @ tensors["condition_key"][b, h, i] / math.sqrt(DH))
                    values.append(tensors["condition_value"][b, h, i])
                if logits:
                    weights = torch.softmax(torch.stack(logits), 0)
                    rows.append((weights[:, None] * torch.stack(values)).sum(0))
                else:
                    rows.append(torch.zeros(DH, dtype=torch.float64))
    return torch.stack(rows).view(B, H, Q, DH)


def run_op(case, tensors):
    return guided_attention(
        tensors["q"],
        tensors["k"],
        tensors["v"],
        query_position=case["query_position"],
        key_length=torch.tensor(LENGTH),
        key_attributes=case["key_attributes"],
        query_condition=case["condition"],
        key_time_s=case["key_time_s"],
        query_anchor_s=case["query_anchor_s"],
        safety_interval_s=INTERVAL_S,
        bias=RelativeBias(tensors["position_table"], tensors["time_table"], case["query_time_s"]),
        condition_key=tensors["condition_key"] if case["own_key"] else None,
        condition_value=tensors["condition_value"] if case["own_key"] else None,
    )


def make_case(seed, own_key=True, words=3):
    generator = torch.Generator().manual_seed(seed)

    def bits(*shape, bound=words):
        return torch.randint(0, 2**bound, shape, generator=generator)

    any_of = bits(B, Q, 1, 1)
    case = {
        "own_key": own_key,
        "query_position": torch.randint(0, N, (B, Q), generator=generator),
        "key_time_s": torch.randint(0, 100, (B, N), generator=generator).sort(1).values,
        "query_anchor_s": torch.randint(50, 160, (B, Q), generator=generator),
        "query_time_s": torch.randint(0, 100, (B, Q), generator=generator),
        "key_attributes": bits(B, N, 1),
        "condition": ConditionBits(any_of, bits(B, Q, 1, bound=1), bits(B, Q, 1, bound=1) * 4),
    }
    shapes = {
        "q": (B, H, Q, DH),
        "k": (B, H, N, DH),
        "v": (B, H, N, DH),
        "position_table": (H, 6),
        "time_table": (H, 9),
        "condition_key": (B, H, Q, DH),
        "condition_value": (B, H, Q, DH),
    }
    tensors = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }
    return case, tensors


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), own_key=st.booleans())
def test_equals_the_pairwise_definition_with_every_gradient(seed, own_key):
    case, tensors = make_case(seed, own_key)
    used = {n: t for n, t in tensors.items() if own_key or not n.startswith("condition")}
    weight = torch.randn(B, H, Q, DH, dtype=torch.float64)
    expected, got = pairwise_attention(case, tensors), run_op(case, tensors)
    torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-8)
    wanted = torch.autograd.grad((expected * weight).sum(), list(used.values()), allow_unused=True)
    found = torch.autograd.grad((got * weight).sum(), list(used.values()), allow_unused=True)
    for name, want, have in zip(used, wanted, found, strict=True):
        zero = torch.zeros_like(used[name])
        torch.testing.assert_close(zero if have is None else have, zero if want is None else want, msg=name)


def test_empty_rows_are_finite_and_answer_with_the_condition():
    case, tensors = make_case(1)
    case["condition"] = ConditionBits(*(part.clone() for part in case["condition"]))
    case["condition"].all_of[:] = 1 << 40  # no key has this attribute
    got = run_op(case, tensors)
    torch.testing.assert_close(got, tensors["condition_value"])
    gradients = torch.autograd.grad(got.sum(), list(tensors.values()), allow_unused=True)
    assert all(g is None or bool(g.isfinite().all()) for g in gradients)
    case["own_key"] = False
    bare = run_op(case, tensors)
    assert bool((bare == 0).all())
    gradients = torch.autograd.grad(bare.sum(), [tensors[n] for n in ("q", "k", "v")])
    assert all(bool((g == 0).all()) for g in gradients)


def test_padding_changes_nothing_whatever_it_holds():
    case, tensors = make_case(2)
    expected = run_op(case, tensors)
    poisoned = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    poisoned["k"][1, :, LENGTH[1] :] = float("nan")
    torch.testing.assert_close(run_op(case, poisoned)[0], expected[0].detach())
    poisoned["k"][1, :, LENGTH[1] :] = 1e9
    poisoned["v"][1, :, LENGTH[1] :] = 1e9
    torch.testing.assert_close(run_op(case, poisoned), expected.detach())


def test_a_row_of_the_batch_does_not_depend_on_the_others():
    case, tensors = make_case(3)
    whole = run_op(case, tensors)
    for b in range(B):
        alone = guided_attention(
            tensors["q"][b : b + 1],
            tensors["k"][b : b + 1],
            tensors["v"][b : b + 1],
            query_position=case["query_position"][b : b + 1],
            key_length=torch.tensor(LENGTH[b : b + 1]),
            key_attributes=case["key_attributes"][b : b + 1],
            query_condition=ConditionBits(*(part[b : b + 1] for part in case["condition"])),
            key_time_s=case["key_time_s"][b : b + 1],
            query_anchor_s=case["query_anchor_s"][b : b + 1],
            safety_interval_s=INTERVAL_S,
            bias=RelativeBias(tensors["position_table"], tensors["time_table"], case["query_time_s"][b : b + 1]),
            condition_key=tensors["condition_key"][b : b + 1],
            condition_value=tensors["condition_value"][b : b + 1],
        )
        torch.testing.assert_close(alone[0], whole[b])


def test_safety_interval_bounds_are_inclusive():
    times = torch.tensor([[10, 20, 30, 40]])
    visible = visible_keys(
        torch.tensor([[3]]),
        torch.tensor([4]),
        4,
        key_attributes=None,
        query_condition=None,
        key_time_s=times,
        query_anchor_s=torch.tensor([[40]]),
        safety_interval_s=20,
    )
    assert visible.tolist() == [[[True, False, False, False]]]


def test_buckets_are_monotone_and_bounded():
    distance = torch.arange(0, 5_000)
    buckets = position_bucket(distance, 32)
    assert buckets[:16].tolist() == list(range(16))
    assert bool((buckets.diff() >= 0).all())
    assert int(buckets.max()) == 31
    gaps = torch.tensor([-5, 0, 1, 2, 3, 4, 2**40])
    assert time_bucket(gaps, 32).tolist() == [0, 0, 1, 1, 2, 2, 30]
    assert time_bucket(gaps, 2).tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_buckets_begin_exactly_where_the_formulas_say():
    for distance in (16, 22, 23, 31, 32, 45, 46, 64, 4_095, 4_096, 23_170, 23_171):
        expected = 16 + next(b for b in range(40) if distance**2 < 256 * 2 ** (b + 1))
        assert int(position_bucket(torch.tensor(distance), 39)) == expected
    for exponent in range(1, 31):
        gaps = torch.tensor([2**exponent - 2, 2**exponent - 1])
        assert time_bucket(gaps, 31).tolist() == [exponent - 1, exponent]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backend": "cuda-magic"}, "backend"),
        ({"query_position": torch.zeros(1, 1, dtype=torch.int64)}, "query_position"),
        ({"key_length": torch.tensor([1])}, "key_length"),
        ({"key_attributes": torch.zeros(B, N, 1, dtype=torch.int64)}, "query_condition"),
        ({"query_anchor_s": torch.zeros(B, Q, dtype=torch.int64)}, "key_time_s"),
        ({"condition_key": torch.zeros(B, H, Q, DH)}, "condition_value"),
        ({"k": torch.zeros(B, H, N, DH + 1)}, "Dh"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {
        "q": torch.zeros(B, H, Q, DH),
        "k": torch.zeros(B, H, N, DH),
        "v": torch.zeros(B, H, N, DH),
        "query_position": torch.zeros(B, Q, dtype=torch.int64),
        "key_length": torch.tensor(LENGTH),
    } | change
    q, k, v = arguments.pop("q"), arguments.pop("k"), arguments.pop("v")
    with pytest.raises(ValueError, match=message):
        guided_attention(q, k, v, **arguments)
