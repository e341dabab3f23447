"""The benchmark: rows are measured once, shown as table and plot; covers ranked by matcher and by text."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import model.image_text.benchmark.__main__ as benchmark
from model.image_text.benchmark.artwork import Queries, judged, read_similarities, trigrams
from model.image_text.benchmark.comparisons import COMPARISONS, comparison_table, difference
from model.image_text.benchmark.report import table
from model.image_text.benchmark.variants import VARIANTS, Variant, trainings
from tests.model.image_text.scenes import config, write_scenes

SIZES = {"num_classes": 133, "map_side": 16}


@pytest.fixture
def tiny(monkeypatch):
    known = {"linear": config("3shnet", network=SIZES, stage={"epochs": 1})}
    known["cmsei"] = config("cmsei", network=SIZES, stage={"epochs": 1})
    monkeypatch.setattr(benchmark, "trainings", lambda: known)
    monkeypatch.setattr(benchmark, "VARIANTS", (Variant("linear", ("linear",)), Variant("both", ("linear", "cmsei"))))
    return known


def test_every_training_differs_from_the_others_and_every_variant_names_known_ones():
    configs = trainings()
    assert len(set(configs.values())) == len(configs)
    assert all(set(variant.trainings) <= set(configs) for variant in VARIANTS)
    assert replace(configs["hire"].network, graphs=False) == configs["hire without graphs"].network


def test_a_row_is_measured_once_and_shown(tiny, tmp_path, capsys, monkeypatch):
    assert tiny
    pairs, features = write_scenes(tmp_path, num_images=16, val=4, test=4)
    out = tmp_path / "out"
    command = ["--pairs", str(pairs), "--features", str(features), "--seeds", "1", "--out", str(out)]
    assert benchmark.main(command) == 0
    first = capsys.readouterr().out
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert [row["variant"] for row in rows] == ["linear", "both"]
    assert (rows[0]["part"], rows[0]["images"]) == ("test", 4)
    assert set(rows[1]["metrics"]) == {"vectors", "corrected", "reranked"}
    shares = rows[1]["rsum_by_image"]
    assert {name: np.mean(of) for name, of in shares.items()} == pytest.approx(
        {name: of["rsum"] for name, of in rows[1]["metrics"].items()}, abs=0.1
    )
    monkeypatch.setattr(benchmark, "measure", lambda *_: pytest.fail("measured again"))
    assert benchmark.main(command) == 0
    assert capsys.readouterr().out == first
    assert (out / "rsum.svg").read_text().startswith("<?xml")
    monkeypatch.setattr(sys, "argv", ["benchmark"])
    assert benchmark.main(["--rows", str(out / "rows.jsonl"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == first


def test_an_unknown_variant_is_refused(tmp_path):
    command = ["--pairs", str(tmp_path), "--features", str(tmp_path), "--out", str(tmp_path), "--variants", "clip"]
    assert benchmark.main(command) == 2


def test_the_table_has_mean_and_deviation():
    metrics = {name: 10.0 for name in ("i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10")}
    rows = [{"variant": "a", "metrics": {"vectors": metrics | {"rsum": value}}} for value in (60.0, 64.0)]
    assert "| a | 2 | 62.0 ± 2.8 |  |  | 10.0 / 10.0 / 10.0 |" in table(rows)


def test_every_comparison_is_of_known_matchers():
    known = {variant.name for variant in VARIANTS}
    named = {side[0].split(", with ")[0] for one in COMPARISONS for side in (one.left, one.right)}
    assert named <= known
    # What "implicit relations" compares differs in nothing else.
    configs = trainings()
    hire = configs["hire"]
    assert replace(hire, network=replace(hire.network, architecture="cmsei")) == configs["cmsei"]


def test_a_difference_is_told_with_what_other_images_and_seeds_might_say():
    rng = np.random.default_rng(1)
    right = rng.normal(300, 100, size=(3, 150))
    mean, low, high = difference(right + 20, right)
    assert (mean, low, high) == pytest.approx((20, 20, 20))
    mean, low, high = difference(right + rng.normal(0, 60, size=right.shape), right)
    assert low < 0 < high
    assert low < mean < high
    rows = [
        {"variant": name, "seed": seed, "metrics": {"vectors": {}}, "rsum_by_image": {"vectors": (right[seed] + more)}}
        for name, more in (("linear", 0), ("3shnet grid", 20), ("3shnet hybrid", 0))
        for seed in range(3 if name != "3shnet hybrid" else 1)
    ]
    assert "| 3shnet grid against the baseline | 3 | +20.0 | +20.0 to +20.0 |" in comparison_table(rows)
    assert "| 3shnet hybrid against the baseline | 1 | +0.0 |" in comparison_table(rows)


def test_text_that_is_read_is_compared_by_trigrams():
    assert trigrams("A-ha!") == {" a ", "a h", " ha", "ha "}
    sims = read_similarities(["Pixies Bossanova", "Blur"], ["PIXIES BOSSANOVA", "blur parklife", ""])
    assert sims[0, 0] == pytest.approx(1.0)
    assert sims[1, 1] == sims[1].max() > sims[1, 0]
    assert sims[:, 2].tolist() == [0.0, 0.0]


def test_the_weight_is_chosen_on_its_own_queries_alone():
    rng = np.random.default_rng(0)
    owner, chosen = np.arange(40), np.arange(40) < 10
    good, noise = np.eye(40) + 0.01 * rng.normal(size=(40, 40)), rng.normal(size=(40, 40))
    found = judged(noise, good, Queries(("x",) * 40, owner, chosen))
    assert found["text read off the cover"]["r1"] == 100.0
    assert found["both"]["weight"] > 0
    assert found["both"]["r1"] > found["matcher"]["r1"]
    # To the queries that choose the text says nothing, to the others all: what those chose is used.
    chosen_rows = chosen[:, None]
    matched, read = np.where(chosen_rows, good, noise), np.where(chosen_rows, noise, good)
    found = judged(matched, read, Queries(("x",) * 40, owner, chosen))
    assert found["both"]["weight"] == 0
    assert found["both"]["r1"] == found["matcher"]["r1"] < 100.0
