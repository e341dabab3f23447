"""Weights carried over to another catalogue: every row goes with what it stands for."""

import polars as pl
import pytest
import torch

from model.catalogue import Catalogue, with_items
from model.climber_pilot.towers import Towers
from model.climber_pilot.warm_start import begin_with, carried_weights
from tests.model.climber_pilot.worlds import small_catalogue, small_network


def table_of(*rows):
    schema = {"item_id": pl.String, "title": pl.String, "genre": pl.List(pl.String), "language": pl.List(pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


BEFORE = small_catalogue()
# Sorted first in its attribute: every value after it gets another bit number.
AFTER = Catalogue(
    with_items(BEFORE.items, table_of(("new", "Track new", ["acid"], ["en"]), ("track-7", "Track 7", ["jazz"], None)))
)


@pytest.mark.parametrize(
    "sizes", [{}, {"title_buckets": 512}, {"id_hashes": 2}, {"item_combine": "project"}, {"request_clock": True}]
)
def test_items_that_have_not_changed_keep_their_vectors(sizes):
    network = small_network(BEFORE, **sizes)
    grown = small_network(AFTER, seed=1, **sizes)
    grown.load_state_dict(carried_weights(network.config, BEFORE, AFTER, network.state_dict()))
    same = [row for row in range(len(BEFORE)) if BEFORE.item_ids[row] != "track-7"]
    torch.testing.assert_close(grown.items()[same], network.items()[same], rtol=0, atol=1e-6)
    assert not torch.allclose(grown.items()[7], network.items()[7], atol=1e-3)


def test_a_new_item_is_its_attributes_and_the_mean_of_the_ids():
    network = small_network(BEFORE)
    weights = carried_weights(network.config, BEFORE, AFTER, network.state_dict())
    grown = small_network(AFTER, seed=1)
    grown.load_state_dict(weights)
    values = network.items.value_embedding.weight
    genre, language = BEFORE.attributes["genre"], BEFORE.attributes["language"]
    usual = values[genre.first_value : genre.first_value + len(genre.values)].mean(0)
    expected = network.items.id_embedding.weight.mean(0) + usual + values[language.value_id("en")]
    torch.testing.assert_close(grown.items()[AFTER.row_of["new"]], expected)
    assert not weights["condition_values.weight"][AFTER.attributes["genre"].value_id("acid")].any()


def test_conditions_mean_what_they_meant():
    network = small_network(BEFORE)
    weights = carried_weights(network.config, BEFORE, AFTER, network.state_dict())
    for name, attribute in BEFORE.attributes.items():
        for value in attribute.values:
            old, new = attribute.value_id(value), AFTER.attributes[name].value_id(value)
            for table in ("items.value_embedding.weight", "condition_values.weight"):
                assert torch.equal(weights[table][new], network.state_dict()[table][old])


def test_there_and_back_is_the_same():
    network = small_network(BEFORE, title_buckets=512)
    there = carried_weights(network.config, BEFORE, AFTER, network.state_dict())
    back = carried_weights(network.config, AFTER, BEFORE, there)
    for name, table in network.state_dict().items():
        assert torch.equal(back[name], table)


def test_towers_are_carried_each():
    networks = [small_network(BEFORE, seed=seed) for seed in (0, 1)]
    towers = Towers(networks[0].config, BEFORE, 2)
    towers.towers = torch.nn.ModuleList(networks)
    carried = carried_weights(networks[0].config, BEFORE, AFTER, towers.state_dict())
    for number, network in enumerate(networks):
        alone = carried_weights(network.config, BEFORE, AFTER, network.state_dict())
        for name, table in alone.items():
            assert torch.equal(carried[f"towers.{number}.{name}"], table)


def test_another_attribute_is_refused():
    network = small_network(BEFORE)
    other = Catalogue(BEFORE.items.drop("language"))
    with pytest.raises(ValueError, match="attributes"):
        carried_weights(network.config, BEFORE, other, network.state_dict())


def test_a_clock_keeps_the_periods_it_will_be_trained_on():
    network, fresh = (small_network(BEFORE, seed=seed, request_clock=True) for seed in (0, 1))
    network.clock.train_on(torch.tensor([0, 10 * 2_592_000]))
    fresh.clock.train_on(torch.tensor([20 * 2_592_000, 21 * 2_592_000]))
    begin_with(fresh, network.state_dict())
    assert fresh.clock.trained_periods.tolist() == [20, 21]
    assert torch.equal(fresh.clock.period_table, network.clock.period_table)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="configuration and catalogue"):
        begin_with(small_network(AFTER), small_network(BEFORE).state_dict())
