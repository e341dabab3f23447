"""Joined runs of the retrieval suite: towers of several seeds as one network, with no training of their own."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from model.benchmark_rows import Run
from model.climber_pilot.benchmark.held_out import checkpoint_figures, split_of
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.join import join
from model.datasets.dataset import Dataset

TOWERS = {2: "two towers", 3: "three towers"}


def windows(seeds: Sequence[int], num_towers: int) -> list[list[int]]:
    """Which seeds are joined: every run of num_towers neighbours, the last beside the first; each seed is in equally
    many. Networks that share a tower are not independent: over few seeds their standard error is too small."""
    if len(seeds) < num_towers:
        return []
    starts = range(len(seeds)) if len(seeds) > num_towers else range(1)
    return [[seeds[(start + i) % len(seeds)] for i in range(num_towers)] for start in starts]


def joined_runs(
    dataset: Dataset, config: ClimberPilotConfig, variant: str, trained: Mapping[int, Run], order: Sequence[int]
) -> list[Run]:
    """The runs that join the networks `trained` (seed -> run) of one variant; order: of the seeds."""
    runs = []
    for num_towers, name in TOWERS.items():
        for seeds in windows(order, num_towers):
            towers = [trained[seed] for seed in seeds]
            settings = towers[0].config | {"tower_seeds": seeds}
            execute = partial(run_joined, dataset, config, [run.folder for run in towers])
            first = towers[0]
            runs.append(
                Run(first.suite, dataset.name, f"{variant} {name}", seeds[0], settings, first.data_revision, execute)
            )
    return runs


def run_joined(dataset: Dataset, config: ClimberPilotConfig, folders: Sequence[str], work: Path) -> dict[str, Any]:
    """Join the towers, which other runs have trained, and rank the test targets once.

    Raises ValueError where a tower is not trained yet.
    """
    checkpoint = load_checkpoint(join([work.parent / folder / "pretrain" for folder in folders], work / "joined"))
    figures = checkpoint_figures(checkpoint, split_of(dataset, config), work)
    return figures | {"cpu_minutes": checkpoint.facts["cpu_minutes"] + figures["test_cpu_minutes"]}
