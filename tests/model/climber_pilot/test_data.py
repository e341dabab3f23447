"""Training pieces and condition draws."""

from dataclasses import replace

import numpy as np
import polars as pl
import torch

from model.climber_pilot.data import ConditionSampler, TrainingPieces, target_histories
from model.climber_pilot.histories import Histories, leave_one_out
from tests.model.climber_pilot.worlds import small_catalogue, small_dataset

CATALOGUE = small_catalogue()


def make_pieces(max_history=5, novel_only=False):
    split = leave_one_out(Histories.of(small_dataset(users=30, events=17), CATALOGUE), "all")
    return split, TrainingPieces(split, max_history, novel_only)


def test_every_event_but_the_first_is_a_target_exactly_once():
    split, pieces = make_pieces()
    seen = []
    for indices in pieces.epoch(7, np.random.default_rng(0)):
        batch = pieces.batch(indices)
        starts = pieces.starts[indices]
        for row, position in batch.target_ok.nonzero().tolist():
            event = int(starts[row]) + position
            assert int(batch.history.rows[row, position]) == split.histories.rows[event]
            seen.append(event)
    expected = []
    for first, stop in zip(split.histories.offsets[:-1], split.train_stop, strict=True):
        expected.extend(range(first + 1, stop))
    assert sorted(seen) == expected


def test_novel_only_leaves_out_repeats():
    split, pieces = make_pieces(novel_only=True)
    for indices in pieces.epoch(7, np.random.default_rng(0)):
        batch = pieces.batch(indices)
        for row, position in batch.target_ok.nonzero().tolist():
            assert split.histories.novel[int(pieces.starts[indices][row]) + position]


def test_epochs_are_seeded_and_differ():
    _, pieces = make_pieces()
    first, same, other = (pieces.epoch(4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, same, strict=True))
    assert not all(len(a) == len(b) and (a == b).all() for a, b in zip(first, other, strict=True))


def test_target_histories_are_the_latest_events_before_the_target():
    split, _ = make_pieces()
    batch = target_histories(split.histories, split.test, 4)
    for row, event in enumerate(split.test.event.tolist()):
        assert batch.rows[row, : int(batch.length[row])].tolist() == split.histories.rows[event - 4 : event].tolist()
    assert bool((batch.length == 4).all())


def test_conditions_are_true_of_their_items_and_null_at_the_stated_share():
    sampler = ConditionSampler(CATALOGUE, ("genre", "language"))
    rows = np.random.default_rng(0).integers(0, 40, (60, 50))
    entries = sampler.draw(rows, 0.3, np.random.default_rng(1))
    assert abs((entries == 0).mean() - 0.3) < 0.03
    for row, entry in zip(rows.ravel(), entries.ravel(), strict=True):
        assert CATALOGUE.satisfying(sampler.conditions[entry], np.array([row]))[0]
    drawn = {(int(row), int(entry)) for row, entry in zip(rows.ravel(), entries.ravel(), strict=True)}
    assert {entry for row, entry in drawn if row == 0} == {0, *(1 + int(v) for v in CATALOGUE.values_of(0))}


def test_an_item_without_values_gets_no_condition():
    sampler = ConditionSampler(CATALOGUE, ())
    assert sampler.draw(np.arange(40), 0.0, np.random.default_rng(0)).tolist() == [0] * 40
    assert torch.equal(sampler.table.offsets, torch.tensor([0]))


def test_shuffled_ties_move_only_within_a_user_a_time_and_the_training_part():
    dataset = small_dataset(users=20, events=12)
    daily = replace(dataset, interactions=dataset.interactions.with_columns(pl.col("event_time_s") // 7_200 * 7_200))
    split = leave_one_out(Histories.of(daily, CATALOGUE), "all")
    pieces = TrainingPieces(split, 50, novel_only=False, shuffle_ties=True)
    orders = set()
    for seed in range(5):
        pieces.epoch(8, np.random.default_rng(seed))
        batch = pieces.batch(np.arange(len(pieces)))
        for row, (start, stop) in enumerate(zip(pieces.starts, pieces.stops, strict=True)):
            rows, times = batch.history.rows[row, : stop - start], batch.history.time_s[row, : stop - start]
            assert times.tolist() == split.histories.time_s[start:stop].tolist()
            for time_s in set(times.tolist()):
                original = split.histories.rows[start:stop][split.histories.time_s[start:stop] == time_s]
                assert sorted(rows[times == time_s].tolist()) == sorted(original.tolist())
        orders.add(tuple(batch.history.rows.flatten().tolist()))
    assert len(orders) == 5
