"""The instructions suite: every way to follow an instruction, from one pre-trained network per seed, user by user."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.benchmark_rows import Row, Run
from model.climber_pilot.benchmark.configurations import described, overridden, pretraining_of, with_seed
from model.climber_pilot.benchmark.held_out import RANKS_FILE, load_ranks
from model.climber_pilot.benchmark.instructed_figures import figures_of
from model.climber_pilot.benchmark.instruction_modes import BEST, DIFFERENCES, MODES, PRETRAINED, TUNED
from model.climber_pilot.benchmark.instructions_plots import plot_differences
from model.climber_pilot.benchmark.instructions_table import instructions_table
from model.climber_pilot.benchmark.paired_difference import paired_differences
from model.climber_pilot.benchmark.retrieval import RetrievalSuite
from model.climber_pilot.benchmark.retrieval_table import OURS
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.evaluate import CUTS
from model.climber_pilot.train import train
from model.datasets.dataset import Dataset
from model.metrics import hits


class InstructionsSuite:
    """Which way to follow an instruction finds the held-out item most often, and does it comply?"""

    name = "instructions"

    def runs(self, dataset: Dataset, config: ClimberPilotConfig, seeds: Sequence[int], device: str) -> list[Run]:
        """One pre-training and three tunings per seed, then the differences between them over all seeds."""
        if not dataset.instructable:
            raise ValueError(f"expected a dataset with attributes that instructions can name, {dataset.name} has none")
        revision, runs = dataset.revision(), []
        retrieval = RetrievalSuite().runs(dataset, config, seeds, device)
        kept = {run.seed: run.folder for run in retrieval if run.variant == OURS}
        untuned = pretraining_of(config)
        for seed in seeds:
            execute = partial(run_pretrained, dataset, with_seed(untuned, seed), device, kept[seed])
            first = Run(self.name, dataset.name, PRETRAINED, seed, described(untuned), revision, execute)
            runs.append(first)
            for variant, path in TUNED.items():
                settings = overridden(config, {"network": {"condition_path": path}})
                folders = (kept[seed], first.folder)
                execute = partial(run_tuned, dataset, with_seed(settings, seed), variant, device, folders)
                runs.append(Run(self.name, dataset.name, variant, seed, described(settings), revision, execute))
        compared = [{run.variant: run.folder for run in runs if run.seed == seed} for seed in seeds]
        settings_of_all = described(config) | {"seeds": list(seeds)}
        execute = partial(run_differences, dataset.instructable, compared)
        runs.append(Run(self.name, dataset.name, DIFFERENCES, 0, settings_of_all, revision, execute))
        return runs

    def table(self, rows: Sequence[Row]) -> str:
        """See instructions_table."""
        return instructions_table(rows)

    def plots(self, rows: Sequence[Row], out: Path) -> list[Path]:
        """How much more often CGSA strict finds the target than every other mode, with intervals."""
        return plot_differences(rows, out)


def pretrained_folder(
    dataset: Dataset, config: ClimberPilotConfig, device: str, folders: tuple[str, str], work: Path
) -> Path:
    """A finished pre-training among the work folders: the retrieval suite's where there is one, else our own, now."""
    theirs, ours = (work.parent / folder for folder in folders)
    try:
        load_checkpoint(theirs / "pretrain")
        return theirs / "pretrain"
    except ValueError:
        return train("pretrain", pretraining_of(config), dataset, ours, resume=True, device=device)


def run_pretrained(dataset: Dataset, config: ClimberPilotConfig, device: str, kept: str, work: Path) -> dict[str, Any]:
    """Pre-train, or take what the retrieval suite trained, and follow instructions without telling the network."""
    folder = pretrained_folder(dataset, config, device, (kept, work.name), work)
    return figures_of(dataset, folder, PRETRAINED, work)


def run_tuned(
    dataset: Dataset, config: ClimberPilotConfig, variant: str, device: str, folders: tuple[str, str], work: Path
) -> dict[str, Any]:
    """Tune the pre-trained network on instructions that enter it in one way."""
    source = pretrained_folder(dataset, config, device, folders, work)
    link = work / "pretrain"
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(source, work), target_is_directory=True)
    return figures_of(dataset, train("finetune", config, dataset, work, resume=True, device=device), variant, work)


def run_differences(attributes: Sequence[str], compared: Sequence[Mapping[str, str]], work: Path) -> dict[str, Any]:
    """How much more often CGSA strict finds the target than each other mode, on the same users, over all seeds.

    compared: per seed, variant -> its work folder. Raises ValueError where ranks of one are not there.
    """
    kept = [ranks_of_seed(work.parent, folders) for folders in compared]
    figures: dict[str, Any] = {}
    for attribute in attributes:
        best, pairs = hits_of(kept, f"{attribute}/{BEST}"), {}
        for mode in MODES:
            if mode != BEST:
                found = paired_differences(best, hits_of(kept, f"{attribute}/{mode}"))
                pairs[mode] = {f"hr@{cut}": interval for cut, interval in zip(CUTS, found, strict=True)}
        figures[attribute] = {"users": len(best[0]), "against": pairs}
    return {"attributes": figures, "seeds": len(kept)}


def ranks_of_seed(parent: Path, folders: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The ranks of all variants of one seed, which must be of the same targets."""
    ranks: dict[str, np.ndarray] = {}
    for variant, folder in folders.items():
        path = parent / folder / RANKS_FILE
        if not path.exists():
            raise ValueError(
                f"expected the ranks of {variant!r} in {path}; run that variant into the same folder first"
            )
        for name, own in load_ranks(path.parent).items():
            if name.endswith("/event") and name in ranks and not np.array_equal(ranks[name], own):
                raise ValueError(f"expected {path} to be of the same targets as the other variants' ranks")
            ranks[name] = own
    return ranks


def hits_of(kept: Sequence[Mapping[str, np.ndarray]], name: str) -> list[np.ndarray]:
    """Of every seed, bool [U, cuts]: whether the target is on the list of each cut."""
    return [np.stack([hits(ranks, cut) for ranks, cut in zip(seed[name], CUTS, strict=True)], axis=1) for seed in kept]
