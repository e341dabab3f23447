import json

import numpy as np
import pytest

from model.hand_pose.benchmark import __main__ as benchmark
from model.hand_pose.benchmark import trials as trial_suite
from model.hand_pose.benchmark.table import figures_table, trials_table
from model.hand_pose.benchmark.trials import CONDITIONS, interval
from tests.model.hand_pose.made_hands import made_stretches, small_config


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_suite, "TARGETS", 3)
        return benchmark.run_seed(
            small_config(epochs=1), made_stretches(num_frames=300), 0, tmp_path_factory.mktemp("bench")
        )


def test_a_seed_has_every_row(rows):
    assert [row["kind"] for row in rows].count("figures") == 2
    assert [row["condition"] for row in rows if row["kind"] == "trials"] == [one.name for one in CONDITIONS]
    for row in rows:
        if row["kind"] == "trials":
            mean, low, high = row["time_s"]
            assert 0 < low <= mean <= high <= trial_suite.LIMIT_S


def test_kept_rows_are_printed_and_drawn(rows, tmp_path, capsys):
    kept = tmp_path / "rows.jsonl"
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert benchmark.main(["--rows", str(kept), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{figures_table(rows)}\n{trials_table(rows)}"
    assert all(condition.name in printed for condition in CONDITIONS)
    assert (tmp_path / "plots" / "trials.svg").read_text().startswith("<?xml")


def test_the_interval_holds_the_mean():
    values = np.random.default_rng(0).standard_normal(400)
    mean, low, high = interval(values)
    assert low < mean < high
    assert 0.15 < high - low < 0.25
