import json

import pytest

from loadtest.speed import experiments
from loadtest.speed.cell import CONCURRENCIES
from service.experiment import Experiment


def test_every_variant_is_measured_beside_the_others_and_kept(release_root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(experiments, "CONCURRENCIES", (1,))
    monkeypatch.setattr(experiments, "VARIANTS", {name: experiments.VARIANTS[name] for name in ("none", "drawn")})
    arguments = ["--release-root", str(release_root), "--out", str(tmp_path), "--min-cpu-s", "0.1"]
    assert experiments.main(arguments) == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["cell"]["experiment"] for row in rows] == ["none", "drawn"]
    assert all(row["figures"]["server_cpu_s"] >= 0.1 for row in rows)
    assert "| drawn |" in capsys.readouterr().out

    def refuse(*_):
        raise AssertionError("nothing is left to measure")

    monkeypatch.setattr(experiments, "measure_in_turn", refuse)
    assert experiments.main(arguments) == 0


def test_the_table_tells_what_each_adds():
    figures = {"none": 1_000, "arms": 1_003, "logged": 1_050, "drawn": 1_300}
    rows = [
        {"name": f"{name}, {number} in flight", "figures": {"server_cpu_us_per_request": cost / number}}
        for name, cost in figures.items()
        for number in CONCURRENCIES
    ]
    assert "| drawn | 1,300 (+300) | 81 (+19) |" in experiments.experiment_table(rows)


@pytest.mark.parametrize("name", [name for name, settings in experiments.VARIANTS.items() if settings])
def test_the_experiments_are_such_as_the_service_takes(name):
    experiment = Experiment.model_validate_json(experiments.VARIANTS[name]["REC_EXPERIMENT"])
    assert (experiment.arms[0].exploration is not None) == (name == "drawn")
