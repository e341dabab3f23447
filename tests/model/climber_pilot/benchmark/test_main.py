"""python -m model.climber_pilot.benchmark: from a log to rows, table and plots; nothing runs twice."""

import dataclasses
import json

import pytest

from model import training
from model.benchmark_rows import ROWS_FILE, Rows, Run
from model.climber_pilot.benchmark import __main__ as benchmark
from model.climber_pilot.benchmark import retrieval
from tests.model.climber_pilot.worlds import small_config, small_dataset

CHEAP = "climber-pilot,popularity,last-item transition"


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The program on the small dataset and its short configuration; returns a call of it."""
    monkeypatch.setattr(benchmark, "load_dataset", lambda *_, **__: small_dataset())
    monkeypatch.setattr(benchmark, "shipped_config", lambda _: small_config())

    def call(*words):
        return benchmark.main(["--dataset", "small", "--out", str(tmp_path), *words])

    return call


def test_from_a_dataset_to_rows_table_and_plots_and_never_twice(small, tmp_path, capsys, monkeypatch) -> None:
    assert small("--seeds", "2", "--variants", CHEAP) == 0
    table = capsys.readouterr().out.split("###")[1]
    rows = Rows(tmp_path / ROWS_FILE).read()
    assert [(row["variant"], row["seed"]) for row in rows] == [
        ("climber-pilot", 0),
        ("climber-pilot", 1),
        ("last-item transition", 0),
        ("popularity", 0),
    ]
    assert all(f"| {name} |" in table for name in CHEAP.split(","))
    assert rows[0]["command"] in table
    assert str(tmp_path) not in json.dumps(rows)
    assert {path.name for path in tmp_path.glob("*.svg")} == {"retrieval-small.svg", "retrieval-small-epochs.svg"}

    def forbidden(*_, **__):
        raise AssertionError("a finished run was run again")

    monkeypatch.setattr(retrieval, "train", forbidden)
    monkeypatch.setattr(retrieval, "run_baseline", forbidden)
    assert small("--seeds", "2", "--variants", CHEAP) == 0
    assert capsys.readouterr().out == f"###{table}"
    assert len(Rows(tmp_path / ROWS_FILE).read()) == 4


def test_a_killed_training_goes_on_and_ends_like_an_uninterrupted_one(small, tmp_path, monkeypatch, capsys) -> None:
    words = ("--seeds", "1", "--variants", "climber-pilot")
    uninterrupted = tmp_path / "uninterrupted"
    assert small(*words, "--out", str(uninterrupted)) == 0
    epochs_begun = []
    whole_epoch = training._train_epoch

    def killed_in_the_second(*arguments):
        epochs_begun.append(arguments)
        if len(epochs_begun) == 2:
            raise KeyboardInterrupt
        return whole_epoch(*arguments)

    monkeypatch.setattr(training, "_train_epoch", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        small(*words)
    assert Rows(tmp_path / ROWS_FILE).read() == []
    assert small(*words) == 0
    assert len(epochs_begun) == 3
    (expected,), (found,) = (Rows(out / ROWS_FILE).read() for out in (uninterrupted, tmp_path))
    measured = {"test_cpu_minutes"}
    for name in set(expected["figures"]) - measured:
        assert found["figures"][name] == expected["figures"][name], name
    capsys.readouterr()


def test_a_run_that_cannot_start_stops_everything_before_anything_is_trained(tmp_path) -> None:
    started = []

    def missing():
        raise ValueError("no package")

    ready = Run("s", "d", "a", 0, {}, "r", started.append)
    unready = dataclasses.replace(ready, variant="b", ready=missing)
    with pytest.raises(ValueError, match="no package"):
        benchmark.perform_missing([ready, unready], tmp_path, device="cpu", command="")
    assert started == []


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("a", ["a"]), ("a, two", ["a, two"]), ("b,a,two", ["a, two", "b"]), ("a, two,a", ["a", "a, two"])],
)
def test_variants_are_separated_by_commas_though_a_name_may_hold_one(asked, meant) -> None:
    runs = [Run("s", "d", variant, 0, {}, "r", execute=dict) for variant in ("a", "a, two", "b")]
    assert [run.variant for run in benchmark.chosen(runs, asked)] == meant


def test_what_cannot_be_asked_is_said(small, caplog) -> None:
    assert small("--variants", "climber-pilot,best") == 2
    assert "expected variants among climber-pilot; " in caplog.text
    assert "got 'best'" in caplog.text
    assert small("--seeds", "0") == 2
    assert "expected --seeds of at least 1, got 0" in caplog.text


def test_a_dataset_without_files_and_without_configuration_is_said(tmp_path, caplog) -> None:
    assert benchmark.main(["--dataset", "movielens-1m", "--out", str(tmp_path)]) == 2
    assert "expected --config" in caplog.text
    assert benchmark.main(["--dataset", "amazon-beauty", "--data-dir", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "amazon-beauty is not in" in caplog.text


def test_the_command_that_is_kept_names_no_folder_of_this_machine(small, tmp_path, capsys) -> None:
    words = ["--data-dir", str(tmp_path / "data"), "--seeds", "3", "--skip-bad-rows", "--variants", "popularity"]
    assert small(*words) == 0
    (row,) = Rows(tmp_path / ROWS_FILE).read()
    assert row["command"] == (
        "python -m model.climber_pilot.benchmark --suite retrieval --dataset small --seeds 3 --data-dir data/rec "
        "--skip-bad-rows --out runs/benchmark"
    )
    capsys.readouterr()


def test_kept_rows_are_shown_in_the_order_of_the_suite_and_nothing_is_run(small, tmp_path, capsys, caplog) -> None:
    assert small("--seeds", "1", "--variants", "popularity") == 0
    assert small("--seeds", "1", "--variants", "last-item transition") == 0
    capsys.readouterr()
    out = tmp_path / "shown"
    words = ["--rows", str(tmp_path / ROWS_FILE), "--out", str(out)]
    assert benchmark.main(words) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["last-item transition", "popularity"]
    assert [path.name for path in out.iterdir()] == ["retrieval-small.svg"]
    assert benchmark.main([*words, "--dataset", "other"]) == 2
    assert "expected rows of retrieval" in caplog.text


def test_rows_of_two_configurations_under_one_name_are_not_averaged(small, tmp_path, monkeypatch, caplog) -> None:
    assert small("--seeds", "1", "--variants", "popularity") == 0
    monkeypatch.setattr(benchmark, "shipped_config", lambda _: small_config(objective={"targets": "all"}))
    assert small("--seeds", "1", "--variants", "popularity") == 0
    assert benchmark.main(["--rows", str(tmp_path / ROWS_FILE), "--out", str(tmp_path)]) == 2
    assert "expected one row per seed of 'popularity', got seeds [0, 0]" in caplog.text
