"""The network: padding, batch, order and branch properties, and what conditions can and cannot see."""

import polars as pl
import pytest
import torch

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.item_encoder import id_buckets
from model.climber_pilot.network import HistoryBatch
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_catalogue, small_items, small_network


def histories(lengths=(3, 8, 5), pad_to=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    width = pad_to or max(lengths)
    rows, time_s = (
        torch.zeros(len(lengths), width, dtype=torch.int64),
        torch.zeros(len(lengths), width, dtype=torch.int64),
    )
    for i, length in enumerate(lengths):
        rows[i, :length] = torch.randint(0, 40, (length,), generator=generator)
        time_s[i, :length] = torch.randint(0, 10_000, (length,), generator=generator).sort().values
    return HistoryBatch(rows, time_s, torch.tensor(lengths))


def conditions(catalogue, num_histories):
    asked = [
        Condition(),
        catalogue.condition({"genre": {"any": ["rock", "jazz"]}}),
        catalogue.condition({"genre": {"all": ["folk"]}, "language": {"none": ["de"]}}),
    ]
    entries = torch.arange(3).repeat(num_histories, 1)
    return ConditionBatch(condition_table(asked, catalogue.num_words), entries)


def test_padding_does_not_matter():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    asked = conditions(catalogue, 3)
    tight = model.query_vectors(model.items(), histories(), asked)
    wide = histories(pad_to=20)
    wide.rows[wide.rows == 0] = 7
    loose = model.query_vectors(model.items(), histories(pad_to=20), asked)
    torch.testing.assert_close(tight, loose, atol=1e-5, rtol=1e-5)


def test_a_history_does_not_depend_on_its_batch():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    batch = histories()
    together = model.query_vectors(model.items(), batch, conditions(catalogue, 3))
    for i, length in enumerate(batch.length.tolist()):
        alone = HistoryBatch(batch.rows[i : i + 1, :length], batch.time_s[i : i + 1, :length], batch.length[i : i + 1])
        torch.testing.assert_close(
            model.query_vectors(model.items(), alone, conditions(catalogue, 1))[0], together[i], atol=1e-5, rtol=1e-5
        )


def test_states_are_causal_and_relative_in_time():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    batch = histories((8,))
    states = model.backbone(model.items(), batch)
    changed = HistoryBatch(batch.rows.clone(), batch.time_s, batch.length)
    changed.rows[0, 5:] = (changed.rows[0, 5:] + 1) % 40
    torch.testing.assert_close(model.backbone(model.items(), changed)[:, :5], states[:, :5])
    assert not torch.allclose(model.backbone(model.items(), changed)[:, 5:], states[:, 5:])
    later = HistoryBatch(batch.rows, batch.time_s + 1_000_000, batch.length)
    torch.testing.assert_close(model.backbone(model.items(), later), states)


def test_branches_do_not_share_parameters_and_do_not_touch_each_other():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    batch = histories()
    position = (batch.length - 1)[:, None]
    raw = model.items()
    states = model.backbone(raw, batch)
    before = [model.branch(k, states, batch, position) for k in range(2)]
    assert not torch.allclose(before[0], before[1])
    with torch.no_grad():
        for parameter in model.branches[1].parameters():
            parameter.mul_(3.0)
    torch.testing.assert_close(model.branch(0, states, batch, position), before[0])
    assert not torch.allclose(model.branch(1, states, batch, position), before[1])


def test_the_branch_sees_only_items_that_satisfy_the_condition():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    batch = histories((8,))
    rock = catalogue.condition({"genre": {"all": ["rock"]}})
    asked = ConditionBatch(condition_table([rock], catalogue.num_words), torch.zeros(1, 1, dtype=torch.int64))
    states = torch.randn(1, 8, 16, requires_grad=True)
    position = torch.tensor([[7]])
    query = model.branch(0, states, batch, position, asked)
    (gradient,) = torch.autograd.grad((query * torch.arange(1.0, 17)).sum(), states)
    touched = gradient[0].abs().amax(-1) > 0
    satisfied = torch.from_numpy(catalogue.satisfying(rock, batch.rows[0].numpy()))
    satisfied[7] = True  # the query's own residual stream
    assert touched.tolist() == satisfied.tolist()
    assert 1 < int(satisfied.sum()) < 8


def test_a_condition_nobody_satisfies_still_answers_and_differs_by_condition():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    rock_only = [i for i in range(40) if catalogue.describe(i)["genre"] == ["rock"]]
    batch = HistoryBatch(torch.tensor([rock_only[:4]]), torch.tensor([[0, 10, 20, 30]]), torch.tensor([4]))
    asked = [catalogue.condition({"genre": {"all": [genre]}}) for genre in ("jazz", "folk")]
    table = condition_table(asked, catalogue.num_words)
    found = model.query_vectors(model.items(), batch, ConditionBatch(table, torch.tensor([[0, 1]])))
    assert bool(found.isfinite().all())
    assert not torch.allclose(found[0, 0], found[0, 1])


def test_conditions_of_one_request_do_not_see_each_other():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    batch, asked = histories(), conditions(catalogue, 3)
    together = model.query_vectors(model.items(), batch, asked)
    for p in range(3):
        single = ConditionBatch(asked.table, asked.query_condition[:, p : p + 1])
        alone = model.query_vectors(model.items(), batch, single)
        torch.testing.assert_close(alone[:, 0], together[:, p], atol=1e-5, rtol=1e-5)


def test_scored_vectors_have_unit_length():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    torch.testing.assert_close(model.scored(model.items()).norm(dim=-1), torch.ones(40))
    plain = small_network(catalogue, normalise=False)
    torch.testing.assert_close(plain.scored(plain.items()), plain.items())


@pytest.mark.parametrize("combine", ["sum", "project"])
@pytest.mark.parametrize("use_attributes", [True, False])
def test_items_depend_on_attributes_only_when_told(combine, use_attributes):
    catalogue = small_catalogue()
    model = small_network(catalogue, item_combine=combine, use_attributes=use_attributes)
    before = model.items().detach()
    with torch.no_grad():
        model.items.value_embedding.weight.add_(1.0)
    assert torch.allclose(model.items().detach(), before) is not use_attributes


def test_item_vector_is_the_sum_of_its_parts():
    catalogue = small_catalogue()
    model = small_network(catalogue)
    encoder = model.items
    for row in (0, 1, 6, 39):
        expected = encoder.id_embedding.weight[encoder.id_rows[row]].sum(0)
        for name, values in catalogue.describe(row).items():
            ids = [catalogue.attributes[name].value_id(value) for value in values]
            expected = expected + encoder.value_embedding.weight[ids].mean(0)
        torch.testing.assert_close(encoder()[row], expected)


def test_words_of_titles_are_part_of_items_only_when_told():
    items = small_items().with_columns(
        title=pl.Series(["Blue Moon", "blue, blue sky!", None, "", *(f"Track {i}" for i in range(4, 40))])
    )
    plain = small_network(Catalogue(items))
    assert plain.items.word_embedding is None
    model = small_network(Catalogue(items), title_buckets=1 << 40)
    before = model.items().detach()
    words = model.items.word_embedding.weight
    table = words.detach().clone()
    # blue, moon, sky, track and 36 numbers.
    assert len(words) == 40
    with torch.no_grad():
        words.zero_()
    without = model.items().detach()
    torch.testing.assert_close(without[2:4], before[2:4])
    moon, sky = (_pair_of(table, 2 * part) for part in before[:2] - without[:2])
    assert len(moon & sky) == 1


def _pair_of(table, total):
    """The two rows of the table that add up to a vector."""
    found = [
        {i, j} for i in range(len(table)) for j in range(i) if torch.allclose(table[i] + table[j], total, atol=1e-5)
    ]
    assert len(found) == 1
    return found[0]


def test_id_buckets_are_stable_and_spread():
    buckets = id_buckets([f"item-{i}" for i in range(5_000)], 2, 1_024)
    assert buckets.shape == (5_000, 2)
    assert buckets.min() >= 0
    assert buckets.max() < 1_024
    assert id_buckets(["item-3"], 2, 1_024).tolist() == [buckets[3].tolist()]
    assert len({tuple(pair) for pair in buckets.tolist()}) > 4_900
