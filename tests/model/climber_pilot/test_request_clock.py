"""The request clock: nothing at first, the nearest trained period outside of them, and the query's own time alone."""

import dataclasses

import numpy as np
import pytest
import torch

from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.histories import Histories
from model.climber_pilot.network import HistoryBatch
from model.climber_pilot.ranking import encode_targets
from model.climber_pilot.request_clock import RequestClock
from model.climber_pilot.stages import Training, pretrain_step, training_events
from tests.model.climber_pilot.worlds import small_catalogue, small_config, small_dataset, small_network

PERIOD_S = 86_400


def clock_of(width=8):
    clock = RequestClock(NetworkConfig(width=width, clock_period_s=PERIOD_S))
    torch.manual_seed(0)
    torch.nn.init.normal_(clock.period_table)
    torch.nn.init.normal_(clock.gap_table)
    return clock


def at(*days):
    return torch.tensor([[int(day * PERIOD_S) for day in days]])


def test_a_fresh_clock_adds_nothing():
    clock = RequestClock(NetworkConfig(width=8, clock_period_s=PERIOD_S))
    assert clock(at(3, 70), at(1, 2)).abs().max() == 0


def test_periods_outside_the_trained_ones_are_the_nearest_of_them():
    clock = clock_of()
    clock.train_on(at(10, 12.5, 20.9))
    same_gap = at(1, 1, 1, 1)
    early, first, last, late = clock(at(3, 10, 20, 900), at(3, 10, 20, 900) - same_gap)[0]
    assert torch.equal(early, first)
    assert torch.equal(late, last)
    assert not torch.equal(first, last)
    reloaded = RequestClock(NetworkConfig(width=8, clock_period_s=PERIOD_S))
    reloaded.load_state_dict(clock.state_dict())
    assert torch.equal(reloaded(at(900), at(899)), clock(at(900), at(899)))


def test_the_gap_is_told_apart_in_powers_of_two_and_never_negative():
    clock = clock_of()
    now = torch.full((1, 4), 50 * PERIOD_S)
    gaps = clock(now, now - torch.tensor([[-500, 0, 3_900, 7_000]]))[0]
    assert torch.equal(gaps[0], gaps[1])
    assert not torch.equal(gaps[1], gaps[2])
    assert torch.equal(gaps[2], gaps[3])


def test_only_a_clock_reads_the_request_time():
    catalogue, history = small_catalogue(), HistoryBatch(torch.tensor([[1, 2]]), at(1, 2), torch.tensor([2]))
    soon, later = at(2)[0], at(400)[0]
    for has_clock in (False, True):
        model = small_network(catalogue, request_clock=has_clock)
        queries = [model.query_vectors(model.items(), history, None, time_s) for time_s in (soon, later)]
        assert torch.equal(*queries) is not has_clock


def test_without_a_request_time_the_newest_event_gives_it():
    catalogue, history = small_catalogue(), HistoryBatch(torch.tensor([[1, 2]]), at(1, 2), torch.tensor([2]))
    model = small_network(catalogue, request_clock=True)
    torch.testing.assert_close(
        model.query_vectors(model.items(), history, None), model.query_vectors(model.items(), history, None, at(2)[0])
    )


def test_a_target_trains_the_period_it_was_asked_in():
    config = small_config(network={"request_clock": True, "clock_period_s": 1_800}, objective={"tamip": "off"})
    training = Training.prepare(config, small_dataset())
    times_s = training.split.histories.time_s[training_events(training.split)]
    assert training.model.clock.trained_periods.tolist() == [
        min(times_s.min() // 1_800, 1_023),
        min(times_s.max() // 1_800, 1_023),
    ]
    pretrain_step(training, training.pieces.batch(np.arange(4)), np.random.default_rng(0)).backward()
    assert training.model.clock.period_table.grad.abs().sum() > 0


def test_evaluation_asks_at_the_time_of_the_held_out_event():
    catalogue, dataset = small_catalogue(), small_dataset()
    model = small_network(catalogue, request_clock=True, clock_period_s=86_400 * 30)
    histories = Histories.of(dataset, catalogue)
    split = Training.prepare(small_config(), dataset).split
    queries, _ = encode_targets(model, histories, split.test, None, None)
    moved = histories.time_s.copy()
    moved[split.test.event] += 100 * 86_400
    later, _ = encode_targets(model, dataclasses.replace(histories, time_s=moved), split.test, None, None)
    assert not torch.allclose(queries, later)


def test_a_data_set_without_times_has_no_clock():
    dataset = small_dataset()
    timeless = dataclasses.replace(
        dataset, interactions=dataset.interactions.with_columns(event_time_s=None).cast({"event_time_s": int})
    )
    config = small_config(network={"request_clock": True}, objective={"tamip": "off"})
    with pytest.raises(ValueError, match="expected event times for request_clock"):
        Training.prepare(config, timeless)
