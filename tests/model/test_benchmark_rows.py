"""Runs and rows: nothing finished is run again, nothing else is taken for it."""

import dataclasses
import json

import pytest

from model.benchmark_rows import ROWS_FILE, Rows, Run, key_of, perform


def a_run(execute=lambda _: {"hr@10": 0.5}, **changes):
    fields = {"suite": "retrieval", "dataset": "small", "variant": "next item (K=1), ids", "seed": 0}
    fields |= {"config": {"width": 8}, "data_revision": "abc"}
    return Run(**(fields | changes), execute=execute)


def test_a_row_tells_what_was_run_where_and_what_it_found(tmp_path) -> None:
    row = perform(a_run(), tmp_path, device="cpu", command="python -m x")
    assert json.loads((tmp_path / ROWS_FILE).read_text()) == row
    assert set(row) == {
        *("suite", "dataset", "variant", "seed", "config", "config_sha256", "data_revision", "git_revision"),
        *("device", "machine", "cpu_minutes", "date", "command", "figures"),
    }
    assert row["figures"] == {"hr@10": 0.5}
    assert row["config"] == {"width": 8}
    assert "threads" in row["machine"]


def test_a_run_that_counts_its_own_minutes_is_believed(tmp_path) -> None:
    run = a_run(lambda _: {"hr@10": 0.5, "cpu_minutes": 7.0})
    row = perform(run, tmp_path, device="cpu", command="")
    assert row["cpu_minutes"] == 7.0
    assert row["figures"] == {"hr@10": 0.5}


@pytest.mark.parametrize(
    "change",
    [
        *({"suite": "tamip"}, {"dataset": "large"}, {"variant": "other"}, {"seed": 1}),
        *({"config": {"width": 9}}, {"data_revision": "abd"}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_the_result_makes_another_run(change, tmp_path) -> None:
    run, other = a_run(), a_run(**change)
    assert run.key != other.key
    assert run.folder != other.folder
    perform(run, tmp_path, device="cpu", command="")
    rows = Rows(tmp_path / ROWS_FILE)
    assert [key_of(row) for row in rows.of([run])] == [run.key]
    assert rows.of([other]) == []


def test_the_key_survives_the_file_and_does_not_depend_on_the_order_of_settings(tmp_path) -> None:
    run = a_run(config={"b": 1, "a": [1.0, 2]})
    perform(run, tmp_path, device="cpu", command="")
    again = dataclasses.replace(run, config={"a": [1.0, 2], "b": 1})
    assert len(Rows(tmp_path / ROWS_FILE).of([again])) == 1


def test_the_work_folder_is_the_same_after_a_kill(tmp_path) -> None:
    def killed(work):
        (work / "state").write_text("half")
        raise KeyboardInterrupt

    def resumed(work):
        return {"found": (work / "state").read_text()}

    with pytest.raises(KeyboardInterrupt):
        perform(a_run(killed), tmp_path, device="cpu", command="")
    assert Rows(tmp_path / ROWS_FILE).read() == []
    assert perform(a_run(resumed), tmp_path, device="cpu", command="")["figures"] == {"found": "half"}


def test_a_row_that_a_kill_cut_short_costs_no_other_row(tmp_path, caplog) -> None:
    rows = Rows(tmp_path / ROWS_FILE)
    rows.append({"n": 1})
    with rows.path.open("a") as file:
        file.write('{"n": 2, "fig')
    rows.append({"n": 3})
    assert rows.read() == [{"n": 1}, {"n": 3}]
    assert "line 2" in caplog.text


def test_rows_of_runs_come_in_the_order_of_the_runs(tmp_path) -> None:
    runs = [a_run(seed=seed) for seed in range(3)]
    for run in (runs[2], runs[0]):
        perform(run, tmp_path, device="cpu", command="")
    assert [row["seed"] for row in Rows(tmp_path / ROWS_FILE).of(runs)] == [0, 2]
