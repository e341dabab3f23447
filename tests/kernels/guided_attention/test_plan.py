"""The plan: what it reorders, what it summarises, and that nothing in it grows with queries times keys."""

from itertools import pairwise

import pytest
import torch

from kernels.guided_attention.plan import INVISIBLE, make_plan, summarise
from kernels.guided_attention.predicate import satisfies
from kernels.guided_attention.reference import visible_keys
from tests.kernels.guided_attention.cases import make_case


def plan_of(case):
    masks = dict(case.masks)
    position, length = masks.pop("query_position"), masks.pop("key_length")
    num_keys = masks["key_time_s"].shape[1]
    return make_plan(position, length, num_keys, query_time_s=case.query_time_s, **masks)


@pytest.mark.parametrize("attributes", [1, 8, 64, 130])
def test_rows_are_permuted_and_their_arrays_with_them(attributes):
    case = make_case(N=50, Q=37, attributes=attributes)
    plan = plan_of(case)
    assert torch.equal(plan.key_row.sort(1).values, torch.arange(50, dtype=torch.int32).expand(2, 50))
    assert torch.equal(plan.query_row.sort(1).values, torch.arange(37, dtype=torch.int32).expand(2, 37))
    words = plan.key_words.contiguous().view(torch.int64)
    held = case.masks["key_attributes"]
    assert torch.equal(words, held.gather(1, plan.key_row.long()[:, :, None].expand_as(held)))
    padded = plan.key_row >= case.masks["key_length"][:, None]
    assert torch.equal(plan.key_position, torch.where(padded, INVISIBLE, plan.key_row))
    since = case.masks["key_time_s"] - case.masks["key_time_s"][:, :1]
    assert torch.equal(plan.key_time_s.long(), since.gather(1, plan.key_row.long()))


def test_equal_attributes_and_equal_conditions_lie_together():
    case = make_case(N=60, Q=60, attributes=3)
    plan = plan_of(case)
    for arrays in (plan.key_words, plan.query_words):
        for rows in arrays.tolist():
            changes = sum(before != after for before, after in pairwise(rows))
            assert changes == len({tuple(row) for row in rows}) - 1


def test_a_block_that_holds_a_match_is_never_ruled_out():
    case = make_case(N=90, Q=40, attributes=130, groups=2, seed=4)
    plan, block = plan_of(case), 16
    blocks = summarise(plan, block)
    masks = {name: value for name, value in case.masks.items() if name not in ("query_position", "key_length")}
    seen = visible_keys(case.masks["query_position"], case.masks["key_length"], 90, **masks)
    order = plan.key_row.long()[:, None, :].expand(-1, 40, -1)
    seen = torch.nn.functional.pad(seen.gather(2, order), (0, -90 % block)).unflatten(2, (-1, block)).any(3)
    union, shared = (part.contiguous().view(torch.int64) for part in (blocks.union, blocks.shared))
    condition = case.masks["query_condition"]
    # The three tests of a block, written as the definition: bits of any key stand in for a key that has them all.
    wanted = condition._replace(none_of=torch.zeros_like(condition.none_of)).unsqueeze(2)
    possible = satisfies(union.unsqueeze(1), wanted)
    possible &= ((shared.unsqueeze(1) & condition.none_of.unsqueeze(2)) == 0).all(-1)
    possible &= blocks.first_position[:, None, :] <= case.masks["query_position"][:, :, None]
    assert bool((possible | ~seen).all())
    assert not bool(possible.all())


def test_skipping_pays_where_items_have_one_category():
    generator = torch.Generator().manual_seed(0)
    case = make_case(N=1024, B=1, H=1, attributes=10, anchored=False)
    for part in case.masks["query_condition"]:
        part.zero_()
    one = torch.ones((), dtype=torch.int64)
    case.masks["key_attributes"].copy_(one << torch.randint(0, 10, (1, 1024, 1), generator=generator))
    case.masks["query_condition"].any_of.copy_(one << torch.randint(0, 10, (1, 1024, 1, 1), generator=generator))
    plan = plan_of(case)
    blocks = summarise(plan, 32)
    may = (plan.query_words[:, :, None, -2:] & blocks.union[:, None]).ne(0).any(-1)
    may &= blocks.first_position[:, None, :] <= plan.query_position[:, :, None]
    visited = may.unflatten(1, (-1, 64)).any(2).float().mean()
    assert float(visited) < 0.2  # in the order of the history, every block up to the diagonal: 0.53


def test_the_plan_is_linear_in_queries_and_keys():
    sizes = {}
    for num_keys in (128, 256):
        plan = plan_of(make_case(N=num_keys, B=1))
        arrays = [part for part in (*plan, *summarise(plan, 32)) if isinstance(part, torch.Tensor)]
        sizes[num_keys] = sum(part.numel() * part.element_size() for part in arrays)
    assert sizes[256] <= 2 * sizes[128]
