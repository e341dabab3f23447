"""The TAMIP study: does predicting several items, read outside a safety interval, make retrieval less myopic?

One small recipe for every variant, so that they differ by what is studied alone. NIP predicts the next item (K = 1);
MIP several, without any mask; TAMIP-mask applies Eq. 1 of arXiv 2602.13581 literally; TAMIP-readout reads every target
at the last event outside its interval, which is what that mask amounts to without its leak.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from model.benchmark_rows import Row, Run
from model.climber_pilot.benchmark.configurations import described, overridden, with_seed
from model.climber_pilot.benchmark.held_out import save_ranks, split_of
from model.climber_pilot.benchmark.learning_curve import learning_curve
from model.climber_pilot.benchmark.tamip_figures import Study, figures_of, rank_variant
from model.climber_pilot.benchmark.tamip_plots import plot_horizon, plot_sensitivity
from model.climber_pilot.benchmark.tamip_table import READOUT, tamip_table
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.train import train
from model.datasets.dataset import Dataset

DAY_S = 86_400
INTERVAL_S = 900
"""The safety interval of the paper's production system, about the mean gap between served requests."""

RECIPE: dict[str, dict[str, Any]] = {
    # Two layers in all: one of the backbone, and the branch.
    "network": {"width": 64, "num_layers": 1, "num_branches": 2, "id_buckets": 131_072},
    "objective": {
        "tamip": "off",
        "safety_interval_s": INTERVAL_S,
        "softmax_precision": "bfloat16",
        "branch_weights": (1.0, 0.5),
    },
    "pretrain": {"patience_epochs": 2},
}
BY_THE_SECOND: dict[str, dict[str, Any]] = {
    "network": {"dropout": 0.3},
    "objective": {"held_out_user_share": 0.2},
    "pretrain": {"epochs": 8, "batch_size": 64, "learning_rate": 2e-3},
}
BY_THE_DAY: dict[str, dict[str, Any]] = {
    "network": {"dropout": 0.5},
    "objective": {"held_out_user_share": 0.1},
    "pretrain": {"epochs": 10, "batch_size": 256, "learning_rate": 2e-3},
}
MASK_EPOCHS = 2
"""Eq. 1 needs an anchor per pass: one target per history and step, so an epoch costs about half of the others'."""

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "NIP": {"network": {"num_branches": 1}, "objective": {"branch_weights": (1.0,)}},
    "MIP": {},
    "TAMIP-mask": {"objective": {"tamip": "mask"}},
    READOUT: {"objective": {"tamip": "readout"}},
}


class TamipSuite:
    """Where does TAMIP help, where does it not, and how much does the interval matter?"""

    name = "tamip"

    def runs(self, dataset: Dataset, config: ClimberPilotConfig, seeds: Sequence[int], device: str) -> list[Run]:
        """Every variant and every interval under every seed; of `config` only what is predicted from how much.

        Raises ValueError where the dataset has no times.
        """
        if dataset.interactions["event_time_s"].has_nulls():
            raise ValueError(f"expected event times for the suite tamip, but {dataset.name} has only an order")
        study, revision = study_of(dataset), dataset.revision()
        runs = []
        for variant, settings in variants_of(dataset, config).items():
            kept = described(settings) | {"study": asdict(study)}
            for seed in seeds:
                execute = partial(run_variant, dataset, with_seed(settings, seed), study, device)
                runs.append(Run(self.name, dataset.name, variant, seed, kept, revision, execute))
        return runs

    def table(self, rows: Sequence[Row]) -> str:
        """See tamip_table."""
        return tamip_table(rows)

    def plots(self, rows: Sequence[Row], out: Path) -> list[Path]:
        """Horizon curves with bands, and figures over the safety interval."""
        return [*plot_horizon(rows, out), *plot_sensitivity(rows, out)]


def by_the_day(dataset: Dataset) -> bool:
    """Whether the dataset's times are days."""
    return dataset.time_unit == "1 day"


def study_of(dataset: Dataset) -> Study:
    """How lists are judged: ten steps ahead in listening logs, three where users have few events."""
    if by_the_day(dataset):
        return Study(INTERVAL_S, steps=3, min_history=2, moments_per_user=5)
    return Study(INTERVAL_S, steps=10, min_history=5, moments_per_user=50)


def intervals_of(dataset: Dataset) -> tuple[int, ...]:
    """The other safety intervals that the readout is tried with, seconds.

    With times by the day everything below a day means the same: nothing of the target's own day is read.
    """
    return (DAY_S, 7 * DAY_S) if by_the_day(dataset) else (0, 300, 3_600, 21_600)


def variants_of(dataset: Dataset, config: ClimberPilotConfig) -> dict[str, ClimberPilotConfig]:
    """Name -> configuration; the intervals of the sensitivity curve after the variants."""
    shared: dict[str, dict[str, Any]] = {
        "network": {"max_history": config.network.max_history},
        "objective": {"targets": config.objective.targets},
    }
    recipe = ClimberPilotConfig()
    for part in (shared, RECIPE, BY_THE_DAY if by_the_day(dataset) else BY_THE_SECOND):
        recipe = overridden(recipe, part)
    longer = {"pretrain": {"epochs": MASK_EPOCHS * recipe.pretrain.epochs}}
    variants = {name: overridden(recipe, changes) for name, changes in VARIANTS.items()}
    variants["TAMIP-mask"] = overridden(variants["TAMIP-mask"], longer)
    for interval_s in intervals_of(dataset):
        changed: Mapping[str, Mapping[str, Any]] = {"objective": {"safety_interval_s": interval_s}}
        variants[f"{READOUT} {interval_s} s"] = overridden(variants[READOUT], changed)
    return variants


def run_variant(dataset: Dataset, config: ClimberPilotConfig, study: Study, device: str, work: Path) -> dict[str, Any]:
    """Pre-train, or go on with it, and judge the lists once."""
    folder = train("pretrain", config, dataset, work, resume=True, device=device)
    checkpoint = load_checkpoint(folder)
    started_s = time.process_time()
    split = split_of(dataset, config)
    with torch.inference_mode():
        ranks = rank_variant(checkpoint, split, study)
    save_ranks(
        work,
        {
            "ranks": ranks.test,
            "event": split.test.event,
            "logged_ranks": ranks.logged,
            "logged": ranks.visible,
            "moment": ranks.at.event,
            "later_ranks": ranks.ahead.ranks,
            "later_counted": ranks.ahead.counted,
        },
    )
    facts = checkpoint.facts
    trained = {name: facts[name] for name in ("training_targets", "targets_without_visible_history")}
    figures = trained | figures_of(ranks, dataset, split, study) | learning_curve(folder, facts["validation"])
    return figures | {"cpu_minutes": facts["cpu_minutes"] + (time.process_time() - started_s) / 60}
