"""Instructed figures: what the modes of one checkpoint reach, per attribute, on test and on validation."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.climber_pilot.benchmark.held_out import save_ranks, split_of
from model.climber_pilot.benchmark.instructed_lists import Lists, Question, instructed_lists, list_figures
from model.climber_pilot.benchmark.instruction_modes import Mode, modes_of
from model.climber_pilot.benchmark.learning_curve import learning_curve
from model.climber_pilot.checkpoint import Checkpoint, load_checkpoint
from model.climber_pilot.evaluate import CUTS, ranking_figures
from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.train import VALIDATION_USERS
from model.datasets.dataset import Dataset
from model.metrics import hits


def figures_of(dataset: Dataset, folder: Path, variant: str, work: Path) -> dict[str, Any]:
    """What the checkpoint's modes reach on test and on validation; leaves every test target's ranks in `work`."""
    checkpoint, started_s = load_checkpoint(folder), time.process_time()
    split = split_of(dataset, checkpoint.config)
    validation = split.validation.sample(VALIDATION_USERS, seed=0)
    ranks: dict[str, np.ndarray] = {}
    attributes, on_validation = {}, {}
    with torch.inference_mode():
        for attribute in dataset.instructable:
            question = Question.of(checkpoint.catalogue, split.histories, split.test, attribute)
            answers = answered(checkpoint, split.histories, question, modes_of(variant))
            attributes[attribute] = {
                "users": len(question.targets),
                "modes": {mode: list_figures(lists) for mode, lists in answers.items()},
                "shuffled": shuffled_figures(checkpoint, split.histories, question, modes_of(variant)),
            }
            ranks[f"{attribute}/event"] = question.targets.event
            for mode, lists in answers.items():
                ranks[f"{attribute}/{mode}"] = np.stack([lists[cut].ranks for cut in CUTS])
            question = Question.of(checkpoint.catalogue, split.histories, validation, attribute)
            answers = answered(checkpoint, split.histories, question, modes_of(variant))
            on_validation[attribute] = {mode: list_figures(lists) for mode, lists in answers.items()}
        uninstructed = uninstructed_figures(checkpoint, split.histories, split.test)
    save_ranks(work, ranks)
    spent = checkpoint.facts["cpu_minutes"] + (time.process_time() - started_s) / 60
    return {
        "attributes": attributes,
        "validation_attributes": on_validation,
        "uninstructed": uninstructed,
        "cpu_minutes": spent,
        "training_cpu_minutes": checkpoint.facts["cpu_minutes"],
        **learning_curve(folder, checkpoint.facts["validation"]),
    }


def answered(
    checkpoint: Checkpoint, histories: Histories, question: Question, modes: Sequence[Mode]
) -> dict[str, dict[int, Lists]]:
    """The lists of every mode and cut."""
    model, targets = checkpoint.model, question.targets
    plain, item_vectors = encode_targets(model, histories, targets, None, None)
    told = plain
    if any(mode.told for mode in modes):
        told, _ = encode_targets(model, histories, targets, question.sampler.table, question.entries)
    return {
        mode.name: instructed_lists(told if mode.told else plain, item_vectors, histories, question, mode.search)
        for mode in modes
    }


def shuffled_figures(
    checkpoint: Checkpoint, histories: Histories, question: Question, modes: Sequence[Mode]
) -> dict[str, Any]:
    """The control: what is left of the hits where instructions belong to other users.

    still_true: share of users whose held-out item satisfies the other user's instruction too.
    """
    control = question.shuffled()
    figures = {
        mode: {f"hr@{cut}": float(hits(lists[cut].ranks, cut).mean()) for cut in CUTS}
        for mode, lists in answered(checkpoint, histories, control, modes).items()
    }
    return {"still_true": float(control.satisfied(histories).mean()), "modes": figures}


def uninstructed_figures(checkpoint: Checkpoint, histories: Histories, targets: Targets) -> dict[str, float]:
    """HR and NDCG of all targets without any instruction: what tuning costs those who ask for nothing."""
    queries, item_vectors = encode_targets(checkpoint.model, histories, targets, None, None)
    return ranking_figures(target_ranks(queries, item_vectors, histories, targets))
