"""The peer: fed with our split, scored at the last event; a missing package is said before anything is trained."""

import importlib.metadata

import numpy as np
import pytest
import torch

from model.climber_pilot.benchmark import peers
from model.climber_pilot.benchmark.held_out import held_out_figures, split_of
from model.climber_pilot.benchmark.peers import PEER, PeerMissingError, peer_input, peer_scores, train_peer
from model.climber_pilot.benchmark.retrieval import RetrievalSuite
from model.climber_pilot.data import target_histories
from model.climber_pilot.network import HistoryBatch
from tests.model.climber_pilot.worlds import small_config, small_dataset


class LastToken(torch.nn.Module):
    """Scores item j at a position by how near it is to the token there; nothing else is looked at."""

    def __init__(self, num_items):
        super().__init__()
        self.num_items = num_items

    def forward(self, tokens, times):
        del times
        return -(torch.arange(self.num_items + 1) - tokens[:, :, None]).abs().float()


def test_padding_is_token_0_and_times_count_back_from_the_last_event() -> None:
    history = HistoryBatch(
        rows=torch.tensor([[4, 0, 7], [2, 0, 0]]),
        time_s=torch.tensor([[100, 160, 200], [50, 0, 0]]),
        length=torch.tensor([3, 1]),
    )
    tokens, times = peer_input(history, "cpu")
    assert tokens.tolist() == [[5, 1, 8], [3, 0, 0]]
    assert times.tolist() == [[100, 40, 0], [0, 0, 0]]


def test_scores_are_read_after_each_history_last_event_in_the_order_of_the_targets(monkeypatch) -> None:
    monkeypatch.setattr(peers, "SCORED_TOGETHER", 4)
    dataset = small_dataset(users=30, events=12)
    # Histories of different lengths: some users' first events are left out.
    split = split_of(dataset, small_config())
    targets = split.validation
    starts = targets.start + np.arange(len(targets)) % 5
    targets = type(targets)(starts, targets.event)
    num_items = len(dataset.catalogue())
    scores = peer_scores(LastToken(num_items), split, 8, "cpu", targets)(slice(3, 20))
    assert scores.shape == (17, num_items)
    last = split.histories.rows[targets.event[3:20] - 1]
    np.testing.assert_array_equal(scores.argmax(1).numpy(), last)
    history = target_histories(split.histories, type(targets)(starts[3:20], targets.event[3:20]), 8)
    assert len(set(history.length.tolist())) > 1


def test_a_missing_peer_is_said_by_name_with_its_extra(monkeypatch) -> None:
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    runs = RetrievalSuite().runs(small_dataset(), small_config(), [0], "cpu")
    (run,) = [run for run in runs if run.variant == PEER]
    with pytest.raises(PeerMissingError, match=r"torch-rechub 0\.9\.0 .* got None: install the extra `bench`"):
        run.ready()
    for other in runs:
        if other.variant != PEER:
            other.ready()


def test_another_version_is_not_taken_for_the_one_of_the_recipe(monkeypatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.8.0")
    with pytest.raises(PeerMissingError, match=r"got 0\.8\.0"):
        peers.require_peer()


def test_the_peer_learns_what_follows_what_and_goes_on_where_it_was(tmp_path, monkeypatch) -> None:
    try:
        peers.require_peer()
    except PeerMissingError as error:
        pytest.skip(str(error))
    dataset = small_dataset(users=60, events=16)
    split, num_items = split_of(dataset, small_config()), len(dataset.catalogue())
    schedule = peers.PEER_RECIPE["schedule"] | {"epochs": 3, "learning_rate": 0.01}
    recipe = peers.PEER_RECIPE | {"schedule": schedule, "batch_size": 8}
    monkeypatch.setattr(peers, "PEER_RECIPE", recipe)
    peer = train_peer(split, num_items, 8, 0, tmp_path, "cpu")
    losses = (tmp_path / "log.jsonl").read_text()
    again = train_peer(split, num_items, 8, 0, tmp_path, "cpu")
    assert (tmp_path / "log.jsonl").read_text() == losses
    assert again.validation == peer.validation
    figures = held_out_figures(split, num_items, peer.scorer, tmp_path)
    assert figures == held_out_figures(split, num_items, again.scorer, tmp_path) | {
        "test_cpu_minutes": figures["test_cpu_minutes"]
    }
    # 40 items, most of a listener's plays in a quarter of them: chance is below 10 / 30.
    assert figures["hr@10"] > 0.33
