"""The instructions suite on a small dataset: one pre-training per seed, and figures that are evaluate()'s."""

import json

import pytest

from model.benchmark_rows import Rows, perform
from model.climber_pilot.benchmark import __main__ as benchmark
from model.climber_pilot.benchmark import instructions
from model.climber_pilot.benchmark.__main__ import perform_missing
from model.climber_pilot.benchmark.held_out import load_ranks, save_ranks
from model.climber_pilot.benchmark.instruction_modes import BEST, DIFFERENCES, MODES, PRETRAINED, TUNED
from model.climber_pilot.benchmark.instructions import InstructionsSuite, pretraining_of, run_differences
from model.climber_pilot.benchmark.retrieval import RetrievalSuite
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.evaluate import CUTS, evaluate
from model.metrics import hit_rate, hits
from tests.model.climber_pilot.worlds import small_config, small_dataset

SUITE = InstructionsSuite()


def small_runs(seeds=(0, 1), **sections):
    return SUITE.runs(small_dataset(), small_config(**sections), seeds, "cpu")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The whole suite under two seeds."""
    out = tmp_path_factory.mktemp("out")
    perform_missing(small_runs(), out, device="cpu", command="python -m this --seeds 2")
    return out


@pytest.fixture(scope="module")
def rows(out):
    return Rows(out / "rows.jsonl").of(small_runs())


def work(out, variant, seed):
    (run,) = (run for run in small_runs() if (run.variant, run.seed) == (variant, seed))
    return out / "work" / run.folder


def test_every_way_under_every_seed_and_the_differences_last():
    runs = small_runs()
    expected = [(variant, seed) for seed in (0, 1) for variant in (PRETRAINED, *TUNED)] + [(DIFFERENCES, 0)]
    assert [(run.variant, run.seed) for run in runs] == expected
    assert len({run.key for run in runs}) == len(runs)
    paths = {run.variant: run.config["network"]["condition_path"] for run in runs[:4]}
    assert paths == {PRETRAINED: "attention", **TUNED}
    assert DIFFERENCES in {run.variant for run in small_runs((0,)) if run.key not in {run.key for run in runs}}


def test_settings_of_the_tuning_do_not_touch_the_pre_training():
    before = {run.variant: run.key for run in small_runs((0,))}
    after = {run.variant: run.key for run in small_runs((0,), finetune={"eligible_negatives": True})}
    assert [variant for variant in before if before[variant] == after[variant]] == [PRETRAINED]


def test_a_dataset_without_instructions_is_refused():
    dataset = small_dataset()
    without = type(dataset)(dataset.name, dataset.interactions, dataset.items, ())
    with pytest.raises(ValueError, match="instructions can name"):
        SUITE.runs(without, small_config(), [0], "cpu")


def test_figures_are_those_of_evaluate(out, rows):
    report = evaluate(load_checkpoint(work(out, "CGSA", 1) / "finetune"), small_dataset())
    found = {row["variant"]: row["figures"] for row in rows if row["seed"] == 1}
    same = {
        "CGSA strict": "CGSA strict",
        "CGSA guided": "CGSA guided",
        "CGSA weights, strict search": "strict search without CGSA",
    }
    for part in report["instructed"]:
        ours = found["CGSA"]["attributes"][part["attribute"]]
        assert ours["users"] == part["users"]
        for name, theirs in same.items():
            for figure, value in part["modes"][theirs].items():
                assert ours["modes"][name][figure] == pytest.approx(value), (name, figure)
    (row,) = (row for row in report["unconditional"] if (row["group"], row["model"]) == ("test", "Climber-Pilot"))
    assert found["CGSA"]["uninstructed"] == pytest.approx({k: row[k] for k in found["CGSA"]["uninstructed"]})


def test_strict_lists_comply_and_shuffled_instructions_collapse(rows):
    for row in rows:
        for part in row["figures"]["attributes"].values():
            for mode, figures in part.get("modes", {}).items():
                assert set(figures) == {f"{kind}@{cut}" for kind in ("hr", "ndcg", "cc", "filled") for cut in CUTS}
                shuffled = part["shuffled"]["modes"][mode]["hr@50"]
                if "strict" in mode or mode == "post-filter":
                    assert figures["cc@10"] == figures["cc@50"] == 1.0
                    assert shuffled <= part["shuffled"]["still_true"] < 1.0
                    # All 40 items fit into a list of 50: what complies is found, what does not is not.
                    assert figures["hr@50"] == 1.0
    json.dumps(rows)


def test_all_ways_start_from_one_pre_training_and_from_its_answers(out, rows):
    for seed in (0, 1):
        folder = work(out, PRETRAINED, seed) / "pretrain"
        for variant in TUNED:
            assert (work(out, variant, seed) / "pretrain").resolve() == folder.resolve()
    start = [row["figures"]["epochs"][0] for row in rows if row["variant"] in ("AdaLN-Zero", "output head")]
    assert all(epoch["epoch"] == 0 for epoch in start)
    assert start[0] == pytest.approx(start[1])
    for row in rows:
        if row["variant"] in TUNED:
            figures = row["figures"]
            best = max(figures["epochs"], key=lambda epoch: epoch["ndcg@10"])
            assert figures["best_epoch"] == best["epoch"]
            assert figures["validation"]["ndcg@10"] >= figures["epochs"][0]["ndcg@10"]


def test_differences_are_those_of_the_kept_ranks(out, rows):
    (row,) = (row for row in rows if row["variant"] == DIFFERENCES)
    kept = [load_ranks(work(out, variant, seed)) for seed in (0, 1) for variant in ("CGSA", PRETRAINED)]
    for attribute in ("genre", "language"):
        against = row["figures"]["attributes"][attribute]["against"]
        assert list(against) == [mode for mode in MODES if mode != BEST]
        for column, cut in enumerate(CUTS):
            expected = [
                hits(kept[i][f"{attribute}/{BEST}"][column], cut).mean()
                - hits(kept[i + 1][f"{attribute}/strict search"][column], cut).mean()
                for i in (0, 2)
            ]
            found = against["strict search"][f"hr@{cut}"]
            assert found["per_seed"] == pytest.approx(expected)
            assert found["low"] <= found["mean"] <= found["high"]
    for source in rows:
        if source["variant"] == PRETRAINED:
            modes = source["figures"]["attributes"]["genre"]["modes"]
            ranks = kept[1 + 2 * source["seed"]]["genre/post-filter"]
            assert [modes["post-filter"][f"hr@{cut}"] for cut in CUTS] == [
                hit_rate(ranks[column], cut) for column, cut in enumerate(CUTS)
            ]


def test_table_and_plot_hide_no_mode(rows, tmp_path):
    table = SUITE.table(rows)
    for attribute in ("genre", "language"):
        part = table.split(f"Instruction: {attribute}")[1].split("Highest HR")[0]
        assert [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| ")][2:] == [
            f"| {mode}" for mode in MODES
        ]
    assert "python -m this --seeds 2" in table
    (path,) = SUITE.plots(rows, tmp_path)
    assert path.name == "instructions-small.svg"
    text = path.read_text()
    assert all(mode in text for mode in MODES if mode != BEST)
    assert SUITE.plots([row for row in rows if row["variant"] != DIFFERENCES], tmp_path) == []
    assert "strict search" in SUITE.table(rows[:1])
    assert SUITE.table([]) == "no rows"


def test_a_finished_suite_trains_nothing_again(out, rows, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(instructions, "train", forbidden)
    assert perform_missing(small_runs(), out, device="cpu", command="") == rows


def test_the_command_shows_the_kept_suite(out, rows, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "load_dataset", lambda *_, **__: small_dataset())
    monkeypatch.setattr(benchmark, "shipped_config", lambda _: small_config())
    words = ["--suite", "instructions", "--dataset", "small", "--seeds", "2", "--out", str(out)]
    assert benchmark.main(words) == 0
    assert capsys.readouterr().out == SUITE.table(rows) + "\n"
    assert (out / "instructions-small.svg").exists()


def test_what_the_retrieval_suite_has_trained_is_not_trained_again(tmp_path, monkeypatch):
    dataset, config = small_dataset(), small_config()
    run = next(iter(RetrievalSuite().runs(dataset, config, [0], "cpu")))
    perform(run, tmp_path, device="cpu", command="")
    stages, train = [], instructions.train
    monkeypatch.setattr(instructions, "train", lambda stage, *a, **k: (stages.append(stage), train(stage, *a, **k))[1])
    first, tuned = SUITE.runs(dataset, config, [0], "cpu")[:2]
    # Tuning alone, as with --variants, finds its pre-training too.
    perform(tuned, tmp_path, device="cpu", command="")
    perform(first, tmp_path, device="cpu", command="")
    assert stages == ["finetune"]
    assert (tmp_path / "work" / tuned.folder / "pretrain").resolve() == tmp_path / "work" / run.folder / "pretrain"


def test_without_the_ranks_of_a_variant_there_is_no_difference(out, tmp_path):
    with pytest.raises(ValueError, match="run that variant into the same folder first"):
        run_differences(["genre"], [{"CGSA": "nowhere"}], tmp_path / "differences")
    (tmp_path / "other").mkdir()
    ranks = load_ranks(work(out, "CGSA", 0))
    ranks["genre/event"] = ranks["genre/event"] + 1
    save_ranks(tmp_path / "other", ranks)
    folders = {"CGSA": str(work(out, "CGSA", 0)), "other": "other"}
    with pytest.raises(ValueError, match="same targets"):
        run_differences(["genre"], [folders], tmp_path / "differences")


def test_the_pre_training_of_any_path_is_that_of_guided_attention():
    config = small_config(network={"condition_path": "output_head"}, finetune={"epochs": 7})
    assert pretraining_of(config) == pretraining_of(small_config())
