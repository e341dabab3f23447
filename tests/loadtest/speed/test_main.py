import json

import pytest

from loadtest.speed import __main__ as program
from loadtest.speed.measurement import InvalidCellError, Target, measure
from loadtest.speed.servers import StartError
from tests.loadtest.speed.answering import answering


def run(release_root, out, *options):
    arguments = [
        "--release-root",
        str(release_root),
        "--out",
        str(out),
        "--cell",
        "warm-p4-n100-v400-json-stored-w1-c1",
    ]
    return program.main([*arguments, "--min-cpu-s", "0.1", *options])


def test_a_measured_cell_is_kept_and_not_measured_again(release_root, tmp_path, capsys, monkeypatch):
    assert run(release_root, tmp_path) == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["name"].rpartition("-")[2] for row in rows} == {"c1", "c16"}
    for row in rows:
        figures = row["figures"]
        assert figures["server_cpu_us_per_request"] * figures["requests"] == pytest.approx(
            1e6 * figures["server_cpu_s"], rel=0.02
        )
        assert figures["server_cpu_s"] >= 0.1
        assert {"parse", "retrieval", "total"} <= set(figures["stages_ms"])
        assert {"git_revision", "device", "date", "units", "release"} <= set(row)
    assert "| 400 | warm | 4 | 100 stored |" in capsys.readouterr().out
    assert (tmp_path / "costs.svg").exists()

    def refuse(*_):
        raise StartError("nothing is left to measure")

    monkeypatch.setattr(program.Servers, "start_redis", refuse)
    assert run(release_root, tmp_path) == 0


def test_the_names_of_the_cells_can_be_listed(release_root, tmp_path, capsys):
    assert run(release_root, tmp_path, "--list") == 0
    assert capsys.readouterr().out.split() == [
        "warm-p4-n100-v400-json-stored-w1-c1",
        "warm-p4-n100-v400-json-stored-w1-c16",
    ]
    assert not (tmp_path / "rows.jsonl").exists()


def test_an_unknown_cell_is_refused(release_root, tmp_path):
    assert program.main(["--release-root", str(release_root), "--out", str(tmp_path), "--cell", "lukewarm"]) == 2


def test_a_cell_whose_answers_are_not_the_models_is_refused():
    import os

    with answering(lambda _: (200, b'{"source":"fallback"}', {})) as port:
        target = Target(f"http://127.0.0.1:{port}/", [{}], os.getpid(), {}, warm_up=1, expected='"source":"model"')
        with pytest.raises(InvalidCellError, match="an answer without"):
            measure(target, 1, min_cpu_s=0.01)
