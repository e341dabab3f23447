"""The TAMIP study on a small music world: variants that differ by one thing, figures that add up, runs that resume."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from model.benchmark_rows import Run, perform
from model.climber_pilot.benchmark.configurations import described, overridden
from model.climber_pilot.benchmark.held_out import load_ranks
from model.climber_pilot.benchmark.tamip import TamipSuite, run_variant, study_of, variants_of
from model.climber_pilot.benchmark.tamip_figures import Study
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.evaluate import evaluate
from model.datasets.registry import load_dataset
from model.metrics import hit_rate

STUDY = Study(interval_s=900, steps=4, min_history=5, moments_per_user=6)
QUICK = {"network": {"width": 16, "feed_forward_width": 32, "id_buckets": 256}, "pretrain": {"epochs": 1}}


@pytest.fixture(scope="module")
def world():
    return load_dataset("music-world", users=60, items=200, days=12, seed=3)


@pytest.fixture(scope="module")
def done(world, tmp_path_factory):
    """Variant -> (figures, work folder)."""
    found = {}
    for variant, config in variants_of(world, ClimberPilotConfig()).items():
        if variant in ("NIP", "MIP", "TAMIP-mask", "TAMIP-readout"):
            work = tmp_path_factory.mktemp(variant)
            found[variant] = (run_variant(world, overridden(config, QUICK), STUDY, "cpu", work), work)
    return found


def difference_of(one, other):
    return {(section, key) for section in one for key in one[section] if one[section][key] != other[section][key]}


def test_variants_differ_by_what_is_studied_alone(world):
    variants = {name: described(config) for name, config in variants_of(world, ClimberPilotConfig()).items()}
    mip = variants["MIP"]
    assert difference_of(variants["NIP"], mip) == {("network", "num_branches"), ("objective", "branch_weights")}
    assert difference_of(variants["TAMIP-readout"], mip) == {("objective", "tamip")}
    assert difference_of(variants["TAMIP-mask"], mip) == {("objective", "tamip"), ("pretrain", "epochs")}
    for interval_s in (0, 300, 3_600, 21_600):
        other = variants[f"TAMIP-readout {interval_s} s"]
        assert difference_of(other, variants["TAMIP-readout"]) == {("objective", "safety_interval_s")}
        assert other["objective"]["safety_interval_s"] == interval_s


def test_the_dataset_s_configuration_says_what_is_predicted_from_how_much(world):
    own = overridden(ClimberPilotConfig(), {"network": {"max_history": 7}, "objective": {"targets": "all"}})
    for config in variants_of(world, own).values():
        assert (config.network.max_history, config.objective.targets) == (7, "all")


def test_times_by_the_day_are_studied_by_the_day(world):
    days = replace(world, time_unit="1 day")
    names = list(variants_of(days, ClimberPilotConfig()))
    assert names[4:] == ["TAMIP-readout 86400 s", "TAMIP-readout 604800 s"]
    assert study_of(days).steps < study_of(world).steps


def test_an_order_without_times_cannot_be_studied(world):
    nothing = pl.lit(None, dtype=pl.Int64).alias("event_time_s")
    ordered = replace(world, interactions=world.interactions.with_columns(nothing), time_unit="order only")
    with pytest.raises(ValueError, match="expected event times"):
        TamipSuite().runs(ordered, ClimberPilotConfig(), [0], "cpu")


def test_every_run_is_another_one(world):
    runs = TamipSuite().runs(world, ClimberPilotConfig(), [0, 1], "cpu")
    assert len(runs) == 16
    assert len({run.key for run in runs}) == len({run.folder for run in runs}) == 16


def test_figures_are_evaluate_s(done, world):
    figures, work = done["TAMIP-readout"]
    (row,) = [
        row
        for row in evaluate(load_checkpoint(work), world)["unconditional"]
        if (row["group"], row["model"]) == ("test", "Climber-Pilot")
    ]
    kept = figures["sums"]["next"]
    assert sum(kept["count"]) == figures["events"]["next"] == row["users"]
    for cut in (10, 20, 50):
        assert sum(kept[f"hr@{cut}"]) / sum(kept["count"]) == pytest.approx(row[f"hr@{cut}"])


def test_the_kept_ranks_give_the_kept_sums(done):
    for figures, work in done.values():
        ranks = load_ranks(work)
        sums = figures["sums"]
        logged = sums["next logged"]
        assert sum(logged["hr@20"]) / sum(logged["count"]) == pytest.approx(hit_rate(ranks["logged_ranks"], 20))
        assert len(ranks["ranks"]) - sum(logged["count"]) == figures["test_targets_without_logged_history"]
        for step in range(STUDY.steps):
            counted = ranks["later_counted"][:, step]
            hits = (ranks["later_ranks"][counted, step] < 50).sum()
            assert (sum(sums[f"t+{step + 1}"]["hr@50"]), figures["events"][f"t+{step + 1}"]) == (hits, counted.sum())


def test_every_variant_is_judged_by_the_same_events(done):
    counts = [{name: kept["count"] for name, kept in figures["sums"].items()} for figures, _ in done.values()]
    assert all(other == counts[0] for other in counts)
    assert set(counts[0]) == {
        *("next", "next inside", "next outside", "next logged", "next same request", "truth"),
        *("t+1", "t+2", "t+3", "t+4"),
    }


def test_targets_inside_and_outside_the_interval_are_all_of_them(done):
    figures, _ = done["NIP"]
    sums = figures["sums"]
    for name in ("count", "hr@50"):
        parts = np.array(sums["next inside"][name]) + np.array(sums["next outside"][name])
        assert parts.tolist() == sums["next"][name]
    assert 0 < figures["events"]["next same request"] <= figures["events"]["next inside"]


def test_only_the_readout_drops_targets(done):
    dropped = {name: figures["targets_without_visible_history"] for name, (figures, _) in done.items()}
    assert dropped["NIP"] == dropped["MIP"] == dropped["TAMIP-mask"] == 0
    assert 0 < dropped["TAMIP-readout"] < done["TAMIP-readout"][0]["training_targets"]


def test_a_run_is_kept_as_a_row_with_its_cost(done, world, tmp_path):
    figures, _ = done["MIP"]
    run = Run("tamip", world.name, "MIP", 0, {}, world.revision(), lambda _: dict(figures))
    row = perform(run, tmp_path, device="cpu", command="c")
    assert row["cpu_minutes"] == round(figures["cpu_minutes"], 2)
    assert len(str(row)) < 30_000


def test_a_world_without_listeners_kept_out_is_refused(world, tmp_path):
    config = overridden(variants_of(world, ClimberPilotConfig())["MIP"], QUICK)
    nobody = overridden(config, {"objective": {"held_out_user_share": 0.0}})
    with pytest.raises(ValueError, match="kept out of training"):
        run_variant(world, nobody, STUDY, "cpu", tmp_path)
