"""The retrieval suite on a small dataset: figures are evaluate()'s, the table hides nothing."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from model.climber_pilot.benchmark.anchors import GOAL_SHARE, PERCENT, anchors
from model.climber_pilot.benchmark.configurations import described, pretraining_of, with_seed
from model.climber_pilot.benchmark.held_out import held_out_figures, load_ranks, split_of
from model.climber_pilot.benchmark.peers import PEER
from model.climber_pilot.benchmark.retrieval import BASELINES, RetrievalSuite, run_baseline, run_trained
from model.climber_pilot.benchmark.retrieval_table import HEADER
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import config_from_mapping
from model.climber_pilot.evaluate import CUTS, evaluate
from model.metrics import hit_rate, ndcg
from tests.model.climber_pilot.worlds import small_config, small_dataset

VARIANTS = ["climber-pilot", "climber-pilot ids only", "next item (K=1) ids only", PEER, *BASELINES]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Work folder, dataset, configuration and figures of one short training."""
    work = tmp_path_factory.mktemp("trained")
    dataset, config = small_dataset(), with_seed(small_config(), 1)
    return work, dataset, config, run_trained(dataset, config, "cpu", work)


def test_every_variant_runs_under_every_seed_and_what_learns_nothing_once() -> None:
    runs = RetrievalSuite().runs(small_dataset(), small_config(), range(2), "cpu")
    seeds = {variant: [run.seed for run in runs if run.variant == variant] for variant in VARIANTS}
    apart = [run for run in runs if "tower_seeds" not in run.config]
    assert list(dict.fromkeys(run.variant for run in apart)) == VARIANTS
    assert seeds == {variant: [0] if variant in BASELINES else [0, 1] for variant in VARIANTS}
    assert len({run.key for run in runs}) == len(runs)


def test_variants_differ_as_their_names_say_and_share_the_split() -> None:
    config = small_config(objective={"targets": "all", "held_out_user_share": 0.2})
    runs = RetrievalSuite().runs(small_dataset(), config, [0], "cpu")
    ours, ids_only, next_item = (config_from_mapping(run.config) for run in runs[:3])
    assert described(ours) == described(pretraining_of(config))
    assert ours.network.use_attributes
    assert not ids_only.network.use_attributes
    assert (next_item.network.num_branches, next_item.objective.tamip) == (1, "off")
    assert not next_item.network.use_attributes
    for other in (ids_only, next_item):
        assert (other.objective.targets, other.objective.held_out_user_share) == ("all", 0.2)
        assert other.network.max_history == config.network.max_history


def test_the_gain_of_the_request_time_is_told_from_that_of_the_attributes() -> None:
    config = small_config(network={"request_clock": True})
    runs = {run.variant: run for run in RetrievalSuite().runs(small_dataset(), config, [0], "cpu")}
    assert list(runs) == ["climber-pilot", "climber-pilot history only", *VARIANTS[1:]]
    read = {name: config_from_mapping(run.config).network for name, run in runs.items() if "network" in run.config}
    told = {name: (network.use_attributes, network.request_clock) for name, network in read.items()}
    assert told == {
        "climber-pilot": (True, True),
        "climber-pilot history only": (True, False),
        "climber-pilot ids only": (False, False),
        "next item (K=1) ids only": (False, False),
    }


def test_the_gain_of_titles_is_told_from_that_of_the_attributes() -> None:
    config = small_config(network={"title_buckets": 64})
    runs = {run.variant: run for run in RetrievalSuite().runs(small_dataset(), config, [0], "cpu")}
    read = {name: config_from_mapping(run.config).network for name, run in runs.items() if "network" in run.config}
    assert {name: (network.use_attributes, network.title_buckets) for name, network in read.items()} == {
        "climber-pilot": (True, 64),
        "climber-pilot without titles": (True, 0),
        "climber-pilot ids only": (False, 0),
        "next item (K=1) ids only": (False, 0),
    }


def test_a_change_of_the_configuration_or_the_data_makes_other_runs() -> None:
    suite, config = RetrievalSuite(), small_config()
    keys = {run.key for run in suite.runs(small_dataset(), config, [0], "cpu")}
    wider = small_config(network={"width": 32})
    changed = [run for run in suite.runs(small_dataset(), wider, [0], "cpu") if run.key not in keys]
    assert [run.variant for run in changed] == ["climber-pilot", "climber-pilot ids only"]
    assert keys.isdisjoint(run.key for run in suite.runs(small_dataset(seed=1), config, [0], "cpu"))


def test_figures_of_the_model_and_the_baselines_are_those_of_evaluate(trained, tmp_path) -> None:
    work, dataset, config, figures = trained
    report = evaluate(load_checkpoint(work / "pretrain"), dataset)
    expected = {row["model"]: row for row in report["unconditional"] if row["group"] == "test"}
    found = {"Climber-Pilot": figures}
    found |= {name: run_baseline(dataset, config, name, tmp_path) for name in BASELINES}
    assert set(found) == set(expected)
    for name, row in expected.items():
        for figure in set(row) - {"group", "model"}:
            assert found[name][figure] == row[figure], (name, figure)


def test_ranks_are_kept_for_every_tested_user(trained) -> None:
    work, dataset, config, figures = trained
    kept = load_ranks(work)
    split = split_of(dataset, config)
    np.testing.assert_array_equal(kept["event"], split.test.event)
    for cut in CUTS:
        assert figures[f"hr@{cut}"] == hit_rate(kept["ranks"], cut)
        assert figures[f"ndcg@{cut}"] == ndcg(kept["ranks"], cut)


def test_the_learning_curve_is_the_trainings_and_its_best_epoch_the_kept_one(trained) -> None:
    work, _, config, figures = trained
    epochs = figures["epochs"]
    assert len(epochs) == config.pretrain.epochs
    assert figures["best_epoch"] == 1 + int(np.argmax([epoch["ndcg@10"] for epoch in epochs]))
    assert figures["validation"] == load_checkpoint(work / "pretrain").facts["validation"]
    json.dumps(figures)


def test_a_run_that_is_repeated_in_its_folder_trains_no_further(trained) -> None:
    work, dataset, config, figures = trained
    before = (work / "pretrain" / "log.jsonl").read_text()
    again = run_trained(dataset, config, "cpu", work)
    assert (work / "pretrain" / "log.jsonl").read_text() == before
    unmeasured = {"cpu_minutes", "test_cpu_minutes"}
    assert {k: v for k, v in again.items() if k not in unmeasured} == {
        k: v for k, v in figures.items() if k not in unmeasured
    }


def test_a_perfect_scorer_reaches_everything_and_seen_items_are_removed(tmp_path) -> None:
    dataset = small_dataset()
    split, num_items = split_of(dataset, small_config()), len(dataset.catalogue())
    rows = split.histories.rows

    def seen_first(targets, block):
        scores = np.zeros((len(targets.event[block]), num_items), dtype=np.float32)
        for row, (start, event) in enumerate(zip(targets.start[block], targets.event[block], strict=True)):
            scores[row, rows[start:event]] = 2
            scores[row, rows[event]] = 1
        return torch.from_numpy(scores)

    figures = held_out_figures(split, num_items, lambda targets: partial(seen_first, targets), tmp_path)
    assert figures["hr@10"] == figures["ndcg@10"] == 1.0


def test_a_dataset_without_anybody_to_test_is_refused() -> None:
    with pytest.raises(ValueError, match="at least three targets in small, got none"):
        split_of(small_dataset(events=2), small_config())


def rows_of(values):
    """Rows of two variants of Beauty: hit rates of each seed."""
    names = HEADER[1:7]
    return [
        {
            **{"suite": "retrieval", "dataset": "amazon-beauty", "variant": variant, "seed": seed, "cpu_minutes": 2.0},
            "command": "python -m model.climber_pilot.benchmark --dataset amazon-beauty",
            "config": {"tower_seeds": [0, 1]} if "towers" in variant else {},
            "figures": {name.lower(): value for name in names} | {"users": 7},
        }
        for variant, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]


def test_the_table_shows_every_variant_the_anchors_and_the_command() -> None:
    table = RetrievalSuite().table(rows_of({"climber-pilot": [0.10, 0.12], "popularity": [0.01]}))
    assert "| climber-pilot | 11.00 ± 1.00 | 11.00 ± 1.00 |" in table
    assert "| popularity | 1.00 | 1.00 |" in table
    assert "share them" not in table
    assert "share them" in RetrievalSuite().table(rows_of({"climber-pilot two towers": [0.10]}))
    for anchor in anchors("amazon-beauty"):
        assert f"*{anchor.name}*" in table
    assert "| 12.00 | 16.10 | 22.70 |" in table
    assert f"goal {0.11 / 0.12:.3f} / {0.11 / 0.161:.3f} / {0.11 / 0.227:.3f}" in table
    assert "```bash\npython -m model.climber_pilot.benchmark --dataset amazon-beauty\n```" in table
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert len(widths) == 1


@pytest.mark.parametrize("dataset", PERCENT)
def test_the_goal_is_above_every_other_anchor_by_its_share(dataset) -> None:
    found = {anchor.name: anchor.hit_rate for anchor in anchors(dataset)}
    for cut in CUTS:
        assert found["goal"][cut] == pytest.approx(GOAL_SHARE * found["best published"][cut], abs=0.0006)
        assert found["paper"][cut] < found["credible floor"][cut] < found["best published"][cut]


def test_plots_are_written_and_do_not_change_when_drawn_again(trained, tmp_path) -> None:
    figures = trained[3]
    rows = [
        {"dataset": "amazon-beauty", "variant": variant, "seed": seed, "figures": figures | {"hr@10": 0.1 + seed}}
        for variant in ("climber-pilot", "popularity")
        for seed in range(2)
    ]
    suite = RetrievalSuite()
    first = [path.read_bytes() for path in suite.plots(rows, tmp_path / "one")]
    second = [path.read_bytes() for path in suite.plots(rows, tmp_path / "two")]
    assert first == second
    assert len(first) == 2
    assert all(text in first[0].decode() for text in ("HR@50", "best published", "popularity"))
