"""The tables say what the rows say: means, paired differences, and no help where there is none."""

import numpy as np
import pytest

from model.climber_pilot.benchmark.tamip import TamipSuite
from model.climber_pilot.benchmark.tamip_sums import compared, estimated, figures_known
from model.climber_pilot.benchmark.tamip_table import shown, tamip_table, verdict
from model.climber_pilot.user_groups import NUM_GROUPS, Interval

SETS = ("next", "next inside", "next outside", "next logged")
VARIANTS = ("NIP", "MIP", "TAMIP-mask", "TAMIP-readout", "TAMIP-readout 0 s", "TAMIP-readout 3600 s")


def row(variant, seed=0, rate=0.2, *, steps=3, truth=False, dataset="small", **rates):
    """A row whose groups hit with a rate of their own, the same for all variants, plus the variant's."""
    own = np.random.default_rng(5).uniform(-0.1, 0.1, NUM_GROUPS)
    names = [*SETS, *(f"t+{step}" for step in range(1, steps + 1))]
    sums = {}
    for name in names:
        hits = 100 * (own + rates.get(name.replace(" ", "_").replace("+", ""), rate))
        sums[name] = {"count": [100] * NUM_GROUPS, **{f"hr@{cut}": hits.tolist() for cut in (10, 20, 50)}}
    if truth:
        values = ("acceptance", "best acceptance", "any acceptance", "found", "echo")
        sums["truth"] = {"count": [100] * NUM_GROUPS, **{name: [50.0] * NUM_GROUPS for name in values}}
    interval_s = int(variant.split()[1]) if " " in variant else 900
    study = {"interval_s": 900, "steps": steps, "min_history": 2, "moments_per_user": 5}
    return {
        "suite": "tamip",
        "dataset": dataset,
        "variant": variant,
        "seed": seed,
        "config": {"study": study, "objective": {"safety_interval_s": interval_s}},
        "cpu_minutes": 1.5,
        "command": f"python -m model.climber_pilot.benchmark --suite tamip --dataset {dataset} --seeds {seed + 1}",
        "figures": {
            "sums": sums,
            "events": {name: sum(kept["count"]) for name, kept in sums.items()},
            "test_targets_without_logged_history": 7,
            "training_targets": 1_000,
            "targets_without_visible_history": 30 if "readout" in variant else 0,
        },
    }


def figure_named(rows, title):
    (figure,) = [figure for figure in figures_known(rows) if figure.title == title]
    return figure


def test_means_are_over_users_and_seeds():
    rows = [row("NIP", 0, 0.2), row("NIP", 1, 0.3)]
    figure = figure_named(rows, "HR@50")
    expected = np.mean([sum(one["figures"]["sums"]["next"]["hr@50"]) / (100 * NUM_GROUPS) for one in rows])
    found = estimated(rows, figure)
    assert found.mean == pytest.approx(expected)
    assert found.low < expected < found.high
    with pytest.raises(ValueError, match="one row per seed"):
        estimated([rows[0], rows[0]], figure)


def test_differences_are_paired_over_the_seeds_that_both_have():
    ours, theirs = [row("MIP", seed, 0.25) for seed in (0, 1)], [row("NIP", seed, 0.2) for seed in (1, 2)]
    figure = figure_named(ours, "HR@50")
    assert compared(ours, theirs, figure) == pytest.approx((0.05, 0.05, 0.05))
    assert np.isnan(compared(ours[:1], theirs, figure)).all()


def test_words_follow_the_intervals():
    figures = figures_known([row("NIP")])[:4]
    values = [Interval(0.1, 0.05, 0.2), Interval(-0.1, -0.2, -0.05), Interval(0.0, -0.1, 0.1)]
    values.append(Interval(*[float("nan")] * 3))
    said = verdict("A", "B", figures, values)
    assert said == "A against B: higher in HR@10; lower in HR@20; no difference shown in HR@50."
    assert shown(Interval(0.1, -0.05, 0.2), "+") == "+10.00 [-5.00, +20.00]"
    assert shown(values[-1]) == "-"


def test_the_table_says_where_the_readout_helps_and_where_not():
    rows = [row(variant, truth=True) for variant in VARIANTS if variant != "TAMIP-readout"]
    rows.append(row("TAMIP-readout", truth=True, next_inside=0.15, next_logged=0.26, t3=0.24))
    table = tamip_table(rows)
    assert "TAMIP-readout against NIP: higher in logged HR@50, t+2 to t+3, t+1 to t+3; lower in HR@50 inside;" in table
    assert "MIP against NIP: no difference shown in HR@10" in table
    assert "| 30 of 1000 |" in table
    assert "true acceptance" in table
    by_interval = table.split("TAMIP-readout by safety interval:")[1]
    assert [by_interval.index(f"| {name} s |") for name in (0, 900, 3600)] == sorted(
        by_interval.index(f"| {name} s |") for name in (0, 900, 3600)
    )
    assert "--dataset small --seeds 1" in table


def test_times_by_the_day_are_explained_and_a_part_of_the_variants_is_enough():
    assert "Times are days here" in tamip_table([row("NIP")])
    assert "Times are days here" not in tamip_table([row("NIP", steps=10)])
    assert "Paired differences" not in tamip_table([row("NIP")])
    assert tamip_table([]) == "no rows"


def test_plots_of_every_dataset(tmp_path):
    rows = [row(variant, seed, dataset=name) for variant in VARIANTS for seed in (0, 1) for name in ("one", "two")]
    rows.append(row("NIP", dataset="three"))
    paths = TamipSuite().plots(rows, tmp_path)
    assert {path.name for path in paths} == {
        *(f"tamip-{name}-horizon.svg" for name in ("one", "two", "three")),
        *(f"tamip-{name}-interval.svg" for name in ("one", "two")),
    }
    first = {path: path.read_text() for path in paths}
    assert all("<svg" in text for text in first.values())
    horizon = first[tmp_path / "tamip-one-horizon.svg"]
    assert "TAMIP-mask" in horizon
    assert "TAMIP-readout 0 s" not in horizon
    assert {path: path.read_text() for path in TamipSuite().plots(rows, tmp_path)} == first
