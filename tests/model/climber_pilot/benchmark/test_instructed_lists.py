"""Instructed lists against lists made one by one as their definitions say."""

import math

import numpy as np
import pytest
import torch

from model.climber_pilot.benchmark.instructed_lists import Question, instructed_lists, list_figures
from model.climber_pilot.evaluate import CUTS
from model.climber_pilot.histories import Histories, Targets, leave_one_out
from model.metrics import UNRANKED
from tests.model.climber_pilot.worlds import small_dataset

NUM_ITEMS, NUM_USERS, LENGTH = 900, 300, 6


@pytest.fixture(scope="module")
def world():
    """Random users, vectors and conditions; few items satisfy the last one."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.choice(NUM_ITEMS, LENGTH, replace=False) for _ in range(NUM_USERS)])
    offsets = np.arange(NUM_USERS + 1) * LENGTH
    histories = Histories([], offsets, rows, np.zeros(len(rows), dtype=np.int64), np.ones(len(rows), dtype=bool), False)
    targets = Targets(offsets[:-1], offsets[1:] - 1)
    eligible = torch.from_numpy(rng.random((5, NUM_ITEMS)) < np.array([[1.0], [0.5], [0.1], [0.02], [0.0]]))
    eligible[4, :7] = True
    entries = rng.integers(1, 5, NUM_USERS)
    # Mostly true instructions, some that the target does not satisfy.
    for user in range(250):
        if entries[user] < 4 or user < 60:
            eligible[entries[user], rows[targets.event[user]]] = True
    question = Question("kind", targets, None, eligible, entries)
    queries = torch.from_numpy(rng.normal(size=(NUM_USERS, 4)).astype(np.float32))
    vectors = torch.from_numpy(rng.normal(size=(NUM_ITEMS, 4)).astype(np.float32))
    queries += 0.7 * vectors[rows[targets.event]]
    return queries, vectors, histories, question


def by_definition(world, user, search, cut):
    """The list of one user: rows, best first."""
    queries, vectors, histories, question = world
    scores = (queries[user] @ vectors.T).numpy()
    seen = set(histories.rows[question.targets.start[user] : question.targets.event[user]].tolist())
    ranking = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in seen]
    allowed = question.eligible[question.entries[user]].tolist()
    if search == "free":
        return ranking[:cut]
    if search == "strict":
        return [row for row in ranking if allowed[row]][:cut]
    return [row for row in ranking[: 10 * cut] if allowed[row]][:cut]


@pytest.mark.parametrize("search", ["free", "strict", "post-filter"])
def test_lists_and_their_figures_are_those_of_the_definition(world, search):
    _, _, histories, question = world
    found = instructed_lists(*world, search)
    figures = list_figures(found)
    for cut in CUTS:
        gains, complies, lengths, hit = [], [], [], []
        for user in range(NUM_USERS):
            rows = by_definition(world, user, search, cut)
            target = int(histories.rows[question.targets.event[user]])
            hit.append(target in rows)
            gains.append(1 / math.log2(2 + rows.index(target)) if hit[-1] else 0.0)
            lengths.append(len(rows))
            ok = question.eligible[question.entries[user]][rows].tolist()
            complies += [sum(ok) / len(ok)] if rows else []
            assert found[cut].listed[user].sum() == len(rows)
            assert (found[cut].ranks[user] < cut) == hit[-1]
        assert figures[f"hr@{cut}"] == pytest.approx(np.mean(hit))
        assert figures[f"ndcg@{cut}"] == pytest.approx(np.mean(gains))
        assert figures[f"cc@{cut}"] == pytest.approx(np.mean(complies))
        assert figures[f"filled@{cut}"] == pytest.approx(np.mean(lengths) / cut)
    assert 0.05 < figures["hr@10"] < 0.95
    assert (figures["cc@50"] == 1.0) is (search != "free")
    assert (figures["filled@50"] < 1.0) is (search != "free")


def test_post_filtering_can_only_lose_what_strict_search_finds(world):
    strict, filtered = (instructed_lists(*world, search) for search in ("strict", "post-filter"))
    for cut in CUTS:
        assert not ((filtered[cut].ranks < cut) & ~(strict[cut].ranks < cut)).any()
        assert (filtered[cut].ranks < cut).sum() < (strict[cut].ranks < cut).sum()


def test_a_target_that_breaks_the_instruction_is_never_found_strictly(world):
    _, _, histories, question = world
    broken = ~question.satisfied(histories)
    assert 10 < broken.sum() < NUM_USERS
    for search in ("strict", "post-filter"):
        assert (instructed_lists(*world, search)[50].ranks[broken] == UNRANKED).all()
    assert (instructed_lists(*world, "free")[50].ranks[broken] < UNRANKED).all()


def test_questions_are_true_drawn_alike_every_time_and_shuffled_ones_are_the_same_values():
    dataset = small_dataset()
    catalogue = dataset.catalogue()
    histories = Histories.of(dataset, catalogue)
    targets = leave_one_out(histories, "novel").test
    question, again = (Question.of(catalogue, histories, targets, "genre") for _ in range(2))
    assert question.satisfied(histories).all()
    np.testing.assert_array_equal(question.entries, again.entries)
    for entry in np.unique(question.entries):
        ((value,),) = [question.sampler.conditions[entry].all_of]
        assert catalogue.value_name(value)[0] == "genre"
        satisfying = [value in catalogue.values_of(row) for row in range(len(catalogue))]
        assert question.eligible[entry].tolist() == satisfying
    control = question.shuffled()
    assert sorted(control.entries) == sorted(question.entries)
    assert 0.1 < control.satisfied(histories).mean() < 0.9
