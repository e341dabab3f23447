"""Held-out targets of a benchmark: the split that all variants share, and what one scorer reaches on its test."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from model.climber_pilot.checkpoint import Checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.evaluate import CUTS, ranking_figures, variety_figures
from model.climber_pilot.histories import Histories, Split, Targets, leave_one_out
from model.climber_pilot.ranking import encode_targets, rank_and_list
from model.datasets.dataset import Dataset

RANKS_FILE = "ranks.safetensors"


def split_settings(config: ClimberPilotConfig) -> dict[str, Any]:
    """What of a configuration decides what is trained on and predicted."""
    return {
        "targets": config.objective.targets,
        "held_out_user_share": config.objective.held_out_user_share,
        "max_history": config.network.max_history,
    }


def split_of(dataset: Dataset, config: ClimberPilotConfig) -> Split:
    """The split that every variant is trained and tested on; raises ValueError where nobody is left to test."""
    histories = Histories.of(dataset, dataset.catalogue())
    split = leave_one_out(histories, config.objective.targets, config.objective.held_out_user_share)
    if not len(split.test):
        raise ValueError(f"expected users with at least three targets in {dataset.name}, got none")
    return split


def held_out_figures(
    split: Split, num_items: int, scorer: Callable[[Targets], Callable[[slice], Tensor]], work: Path
) -> dict[str, Any]:
    """HR, NDCG, coverage and overlap on the test targets by the code of `evaluate`, seen items removed.

    scorer: targets -> block of them -> scores [T, V]. Leaves every target's rank in the work folder, for paired
    comparisons. test_cpu_minutes: what the ranking took.
    """
    started_s = time.process_time()
    with torch.inference_mode():
        ranks, shown = rank_and_list(scorer(split.test), split.histories, split.test, CUTS[-1])
    save_ranks(work, {"ranks": ranks, "event": split.test.event})
    figures = ranking_figures(ranks) | variety_figures(shown, num_items) | {"users": len(ranks)}
    return figures | {"test_cpu_minutes": (time.process_time() - started_s) / 60}


def checkpoint_figures(checkpoint: Checkpoint, split: Split, work: Path) -> dict[str, Any]:
    """See held_out_figures: those of a trained network without an instruction."""

    def scorer(targets: Targets) -> Callable[[slice], Tensor]:
        queries, vectors = encode_targets(checkpoint.model, split.histories, targets, None, None)
        return lambda block: queries[block] @ vectors.T

    return held_out_figures(split, len(checkpoint.catalogue), scorer, work)


def save_ranks(work: Path, ranks: Mapping[str, np.ndarray]) -> None:
    """Keep arrays of ranks, and whose they are, in a work folder."""
    save_file({name: np.ascontiguousarray(array) for name, array in ranks.items()}, work / RANKS_FILE)


def load_ranks(work: Path) -> dict[str, np.ndarray]:
    """What `save_ranks` kept."""
    return load_file(work / RANKS_FILE)
