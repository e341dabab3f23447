"""Joined runs: which seeds they join, that they train nothing, and that the towers have to be there."""

import numpy as np
import pytest

from model.climber_pilot.benchmark.held_out import load_ranks
from model.climber_pilot.benchmark.joined import windows
from model.climber_pilot.benchmark.retrieval import RetrievalSuite, in_order
from tests.model.climber_pilot.worlds import small_config, small_dataset


def test_every_seed_is_in_equally_many_windows() -> None:
    assert windows([0, 1, 2, 3, 4], 2) == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]
    assert windows([0, 1, 2], 3) == [[0, 1, 2]]
    assert windows([0], 2) == []
    assert np.bincount(np.ravel(windows(list(range(5)), 3))).tolist() == [3] * 5


def test_towers_are_joined_from_the_runs_of_their_seeds(tmp_path) -> None:
    runs = RetrievalSuite().runs(small_dataset(), small_config(), range(2), "cpu")
    alone = [run for run in runs if run.variant == "climber-pilot"]
    (together,) = [run for run in runs if run.variant == "climber-pilot two towers"]
    folder = tmp_path / together.folder
    folder.mkdir()
    with pytest.raises(ValueError, match="expected a checkpoint"):
        together.execute(folder)
    each = []
    for run in alone:
        work = tmp_path / run.folder
        work.mkdir()
        each.append(run.execute(work))
    figures = together.execute(folder)
    trained = sum(one["cpu_minutes"] - one["test_cpu_minutes"] for one in each)
    assert figures["cpu_minutes"] - figures["test_cpu_minutes"] == pytest.approx(trained, abs=0.02)
    ours, theirs = load_ranks(folder), load_ranks(tmp_path / alone[0].folder)
    assert np.array_equal(ours["event"], theirs["event"])
    assert not np.array_equal(ours["ranks"], theirs["ranks"])


def test_rows_of_towers_stand_below_their_variant() -> None:
    names = ["popularity", "climber-pilot two towers", "climber-pilot ids only", "climber-pilot"]
    rows = [{"variant": name, "seed": 0} for name in names]
    assert [row["variant"] for row in in_order(rows)] == [names[3], names[1], names[2], names[0]]
