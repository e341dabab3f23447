"""The ways a condition enters beside guided attention: equal at first, alive in training, true to the definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.condition_path import load_pretrained
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.network import ClimberPilot, HistoryBatch
from model.climber_pilot.stages import Training, finetune_step
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_catalogue, small_config, small_dataset, small_network

OTHERS = ("adaln_zero", "output_head")
PATHS = ("attention", *OTHERS)


def batch():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, 40, (3, 8), generator=generator)
    return HistoryBatch(rows, torch.arange(8).expand(3, -1) * 1_000, torch.tensor([8, 5, 2]))


def asked(catalogue):
    conditions = [
        Condition(),
        catalogue.condition({"genre": {"any": ["rock", "jazz"]}}),
        catalogue.condition({"genre": {"all": ["folk"]}, "language": {"none": ["de"]}}),
    ]
    table = condition_table(conditions, catalogue.num_words)
    return ConditionBatch(table, torch.arange(3).repeat(3, 1))


def fresh(path, **sizes):
    torch.manual_seed(3)
    config = NetworkConfig(width=16, feed_forward_width=32, id_buckets=64, condition_path=path, **sizes)
    return ClimberPilot(config, small_catalogue())


@pytest.mark.parametrize("path", OTHERS)
def test_a_fresh_network_is_bit_identical_without_conditions(path):
    expected, got = fresh("attention"), fresh(path)
    history, position = batch(), torch.tensor([[7, 3], [4, 0], [1, 1]])
    own = dict(got.state_dict())
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, own[name]), name
    for model in (expected, got):
        model.train()
    for k in range(2):
        found = []
        for model in (expected, got):
            torch.manual_seed(5)  # the same dropout
            raw = model.items()
            query = model.branch(k, model.backbone(raw, history), history, position)
            (gradient,) = torch.autograd.grad(query[..., 0].sum(), model.items.id_embedding.weight)
            found.append((query, gradient))
        assert torch.equal(found[0][0], found[1][0])
        assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("path", OTHERS)
def test_pretrained_weights_load_and_at_first_the_condition_changes_nothing(path):
    catalogue = small_catalogue()
    pretrained = small_network(catalogue)
    model = small_network(catalogue, condition_path=path, seed=9)
    with torch.no_grad():
        for name, parameter in model.condition_paths.named_parameters():
            parameter.copy_(fresh(path).condition_paths.get_parameter(name))
    load_pretrained(model, pretrained.state_dict())
    raw = pretrained.items()
    plain = pretrained.query_vectors(raw, batch(), None)
    assert torch.equal(model.query_vectors(model.items(), batch(), None), plain)
    conditioned = model.query_vectors(model.items(), batch(), asked(catalogue))
    torch.testing.assert_close(conditioned, plain.expand(-1, 3, -1), atol=1e-6, rtol=1e-6)


def test_pretrained_weights_that_lack_or_add_something_else_are_refused():
    weights = fresh("attention").state_dict()
    lacking = {name: tensor for name, tensor in weights.items() if name != "condition_base"}
    with pytest.raises(ValueError, match="condition_base"):
        load_pretrained(fresh("adaln_zero"), lacking)
    with pytest.raises(ValueError, match="stranger"):
        load_pretrained(fresh("adaln_zero"), weights | {"stranger": torch.zeros(1)})
    with pytest.raises(ValueError, match="condition_paths"):
        load_pretrained(fresh("attention"), fresh("output_head").state_dict())


@pytest.mark.parametrize("path", OTHERS)
def test_conditions_steer_the_query_once_trained_and_no_condition_is_the_empty_one(path):
    catalogue = small_catalogue()
    model = small_network(catalogue, condition_path=path)
    found = model.query_vectors(model.items(), batch(), asked(catalogue))
    torch.testing.assert_close(model.query_vectors(model.items(), batch(), None)[:, 0], found[:, 0])
    for p in (1, 2):
        assert not torch.allclose(found[:, p], found[:, 0], atol=1e-2)
        alone = ConditionBatch(asked(catalogue).table, torch.full((3, 1), p))
        single = model.query_vectors(model.items(), batch(), alone)
        torch.testing.assert_close(single[:, 0], found[:, p], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("path", OTHERS)
def test_the_whole_history_stays_visible(path):
    catalogue = small_catalogue()
    model = small_network(catalogue, condition_path=path)
    states = torch.randn(1, 8, 16, requires_grad=True)
    only_rock = ConditionBatch(
        condition_table([catalogue.condition({"genre": {"all": ["rock"]}})], catalogue.num_words),
        torch.zeros(1, 1, dtype=torch.int64),
    )
    history = HistoryBatch(torch.arange(8)[None], torch.arange(8)[None] * 1_000, torch.tensor([8]))
    query = model.branch(0, states, history, torch.tensor([[7]]), only_rock)
    (gradient,) = torch.autograd.grad((query * torch.arange(1.0, 17)).sum(), states)
    assert bool((gradient[0].abs().amax(-1) > 0).all())


def test_adaln_zero_is_what_its_definition_says():
    """The branch layer written out with both sublayers modulated, and the attention taken from an unmodulated layer."""
    catalogue = small_catalogue()
    model = small_network(catalogue, condition_path="adaln_zero", num_branches=1)
    layer, history = model.branches[0], batch()
    states = torch.randn(3, 8, 16)
    position, conditions = (history.length - 1)[:, None], asked(catalogue)
    conditions = ConditionBatch(conditions.table, torch.tensor([[2], [1], [2]]))
    values = model.condition_values.weight + model.items.value_embedding.weight
    genre, language = catalogue.attributes["genre"], catalogue.attributes["language"]
    any_rock_jazz = 0.5 * (values[genre.value_id("rock")] + values[genre.value_id("jazz")])
    folk_not_de = values[genre.value_id("folk")] - values[language.value_id("de")]
    c = torch.stack([folk_not_de, any_rock_jazz, folk_not_de])[:, None] * 4.0
    linear = model.condition_paths[0].to_modulation
    shift, scale, gate, inner_shift, inner_scale, inner_gate = linear(functional.silu(c)).chunk(6, -1)
    rows = states.gather(1, position[:, :, None].expand(-1, -1, 16))
    # What the layer's attention gives for modulated queries: recorded on its way into to_output.
    attended = []
    hook = layer.to_output.register_forward_pre_hook(lambda _, inputs: attended.append(inputs[0]))
    queries = []
    other = layer.to_query.register_forward_pre_hook(lambda _, inputs: queries.append(inputs[0]))
    got = model.branch(0, states, history, position, conditions)
    hook.remove()
    other.remove()
    torch.testing.assert_close(queries[0], layer.attention_norm(rows) * (1 + scale) + shift)
    rows = rows + layer.to_output(attended[0]) * (1 + gate)
    norm, *inner = layer.feed_forward
    hidden = norm(rows) * (1 + inner_scale) + inner_shift
    for module in inner:
        hidden = module(hidden)
    expected = model.scored(model.branch_norms[0](rows + hidden * (1 + inner_gate)))
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("path", PATHS)
def test_tuning_teaches_every_path_what_the_instruction_means(path):
    """From one start the loss under the true instruction falls below that under a wrong one."""
    config = small_config(network={"dropout": 0.0}, finetune={"unconditioned_share": 0.0})
    training = Training.prepare(replace(config, network=replace(config.network, condition_path=path)), small_dataset())
    optimizer = torch.optim.AdamW(training.model.parameters(), lr=0.01)
    moved = {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}
    for number in range(80):
        pieces = training.pieces.epoch(16, np.random.default_rng(number))[0]
        optimizer.zero_grad()
        finetune_step(training, training.pieces.batch(pieces), np.random.default_rng(number)).backward()
        optimizer.step()
    for name, parameter in training.model.named_parameters():
        if name.startswith("condition_"):
            assert not torch.equal(parameter, moved[name]), name
    pieces = training.pieces.batch(np.arange(32))
    with torch.no_grad():
        right = finetune_step(training, pieces, np.random.default_rng(0))
        draw = training.sampler.draw
        training.sampler.draw = lambda *arguments: np.random.default_rng(1).permuted(draw(*arguments))
        wrong = finetune_step(training, pieces, np.random.default_rng(0))
    assert float(right) < float(wrong) - 0.3
