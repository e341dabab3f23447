"""Evaluate a checkpoint: python -m model.climber_pilot.evaluate --checkpoint DIR --dataset D --data-dir DIR --out DIR.

Leave-one-out, exact full ranking; writes report.json, report.md and plots. Protocol: paper section 3.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.climber_pilot.baselines import Baseline, LastItemTransition, Popularity
from model.climber_pilot.checkpoint import Checkpoint, load_checkpoint
from model.climber_pilot.data import ConditionSampler
from model.climber_pilot.histories import Histories, Split, Targets, leave_one_out
from model.climber_pilot.horizon import HORIZON, MIN_HORIZON_HISTORY, curve, look_ahead, moments, steps_after
from model.climber_pilot.ranking import blocks, encode_targets, rank_and_list, target_ranks, target_scores
from model.climber_pilot.report import write_report
from model.datasets.dataset import Dataset
from model.datasets.registry import load_dataset
from model.metrics import condition_compliance, coverage, hit_rate, list_overlap, ndcg

logger = logging.getLogger(__name__)

CUTS = (10, 20, 50)
SHOWN_FACTS = (
    "stage",
    "tamip",
    "safety_interval_s",
    "training_targets",
    "targets_without_visible_history",
    "device",
    "cpu_minutes",
    "data_revision",
    "git_revision",
)


def evaluate(checkpoint: Checkpoint, dataset: Dataset, *, exclude_seen: bool = True) -> dict[str, Any]:
    """All figures of the report; raises ValueError where the dataset is not the checkpoint's."""
    if dataset.revision() != checkpoint.facts["data_revision"]:
        expected, got = checkpoint.facts["data_revision"], dataset.revision()
        raise ValueError(f"expected the data the checkpoint was trained on (revision {expected}), got {got}")
    config = checkpoint.config
    histories = Histories.of(dataset, checkpoint.catalogue)
    split = leave_one_out(histories, config.objective.targets, config.objective.held_out_user_share)
    baselines: list[Baseline] = [
        Popularity(checkpoint.popularity),
        LastItemTransition(split, checkpoint.popularity),
    ]
    with torch.inference_mode():
        groups = {"test": split.test, "unseen listeners": split.unseen}
        rows: list[dict[str, Any]] = []
        for group, targets in groups.items():
            if len(targets):
                rows += unconditional(checkpoint, histories, targets, baselines, group, exclude_seen)
        return {
            "dataset": dataset.name,
            "simulated": dataset.simulated,
            "notes": list(dataset.notes),
            "protocol": protocol(config.objective.targets, exclude_seen),
            "checkpoint": {key: checkpoint.facts[key] for key in SHOWN_FACTS},
            "unconditional": rows,
            "instructed": [
                instructed(checkpoint, histories, split.test, name, exclude_seen) for name in dataset.instructable
            ],
            "horizon": horizon(checkpoint, split, baselines, exclude_seen),
        }


def protocol(targets: str, exclude_seen: bool) -> str:
    """What was measured, in one sentence."""
    seen = "seen items removed" if exclude_seen else "seen items kept"
    which = "new to the user" if targets == "novel" else "of any kind"
    return f"leave-one-out: the last event {which} is the target; exact ranking of the whole catalogue, {seen}"


def unconditional(
    checkpoint: Checkpoint,
    histories: Histories,
    targets: Targets,
    baselines: list[Baseline],
    group: str,
    exclude_seen: bool,
) -> list[dict[str, Any]]:
    """HR, NDCG, coverage and overlap between users of the model and the baselines, no instruction."""
    queries, vectors = encode_targets(checkpoint.model, histories, targets, None, None)
    scorers: dict[str, Callable[[slice], Tensor]] = {"Climber-Pilot": lambda block: queries[block] @ vectors.T}
    for baseline in baselines:
        scorers[baseline.name] = partial(baseline_scores, baseline, targets)
    rows = []
    for name, scores_of in scorers.items():
        title = f"{group}: {name}"
        ranks, shown = rank_and_list(scores_of, histories, targets, CUTS[-1], exclude_seen=exclude_seen, title=title)
        figures = ranking_figures(ranks) | variety_figures(shown, len(vectors))
        rows.append({"group": group, "model": name, "users": len(targets), **figures})
    return rows


def baseline_scores(baseline: Baseline, targets: Targets, block: slice) -> Tensor:
    """A baseline's scores for a block of targets, [T, V]."""
    return baseline.scores(Targets(targets.start[block], targets.event[block]))


def ranking_figures(ranks: np.ndarray) -> dict[str, float]:
    """HR and NDCG at every cut."""
    return {f"hr@{k}": hit_rate(ranks, k) for k in CUTS} | {f"ndcg@{k}": ndcg(ranks, k) for k in CUTS}


def variety_figures(shown: np.ndarray, num_items: int) -> dict[str, float]:
    """How much of the catalogue the lists show, and how alike they are. shown: rows [T, S], best first."""
    return {
        f"coverage@{CUTS[-1]}": coverage(shown, num_items),
        f"overlap@{CUTS[0]}": list_overlap(shown[:, : CUTS[0]], num_items),
    }


def instructed(
    checkpoint: Checkpoint, histories: Histories, targets: Targets, attribute: str, exclude_seen: bool
) -> dict[str, Any]:
    """Instruction = a true value of the target's attribute: strict and guided against search that ignores it."""
    sampler = ConditionSampler(checkpoint.catalogue, (attribute,))
    entries = sampler.draw(histories.rows[targets.event], 0.0, np.random.default_rng(0))
    asked = Targets(targets.start[entries > 0], targets.event[entries > 0])
    entries = entries[entries > 0]
    eligible = torch.from_numpy(np.stack([checkpoint.catalogue.satisfying(c) for c in sampler.conditions]))
    guided, vectors = encode_targets(checkpoint.model, histories, asked, sampler.table, entries)
    plain, _ = encode_targets(checkpoint.model, histories, asked, None, None)
    modes = {
        "CGSA strict": (guided, True),
        "strict search without CGSA": (plain, True),
        "CGSA guided": (guided, False),
        "no instruction": (plain, False),
    }
    figures = {}
    for mode, (queries, strict) in modes.items():
        ranks = target_ranks(
            queries,
            vectors,
            histories,
            asked,
            exclude_seen=exclude_seen,
            eligible=eligible if strict else None,
            entries=entries if strict else None,
        )
        satisfied, listed = top_satisfies(queries, vectors, histories, asked, eligible, entries, strict, exclude_seen)
        compliance = {f"cc@{k}": condition_compliance(satisfied, k, listed) for k in CUTS}
        figures[mode] = ranking_figures(ranks) | compliance
    return {"attribute": attribute, "users": len(asked), "modes": figures}


def top_satisfies(
    queries: Tensor,
    vectors: Tensor,
    histories: Histories,
    targets: Targets,
    eligible: Tensor,
    entries: np.ndarray,
    strict: bool,
    exclude_seen: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Two bool [T, 50]: whether each of the top items satisfies its condition, and whether there is an item at all."""
    satisfied, listed = [], []
    for block in blocks(len(targets)):
        scores = target_scores(queries, vectors, histories, targets, block, exclude_seen)
        allowed = eligible[torch.from_numpy(entries[block])]
        if strict:
            scores = scores.masked_fill(~allowed, float("-inf"))
        top = scores.topk(min(CUTS[-1], scores.shape[1]))
        satisfied.append(allowed.gather(1, top.indices))
        listed.append(~top.values.isneginf())
    return torch.cat(satisfied).numpy(), torch.cat(listed).numpy()


def horizon(
    checkpoint: Checkpoint, split: Split, baselines: list[Baseline], exclude_seen: bool
) -> dict[str, Any] | None:
    """HR@50 of one retrieval at step t against events t+1..t+10 of listeners that were never trained on."""
    histories = split.histories
    starts, stops = split.unseen_start, split.unseen_stop
    at, owner = moments(starts, stops, steps=HORIZON, min_history=MIN_HORIZON_HISTORY, per_user=1)
    if not len(at):
        return None
    queries, vectors = encode_targets(checkpoint.model, histories, at, None, None)
    scorers: dict[str, Callable[[slice], Tensor]] = {"Climber-Pilot": lambda block: queries[block] @ vectors.T}
    for baseline in baselines:
        scorers[baseline.name] = partial(baseline_scores, baseline, at)
    later = steps_after(at, HORIZON)
    rates, bands = {}, {}
    for name, scores_of in scorers.items():
        ahead = look_ahead(scores_of, histories, at, later, CUTS[-1], exclude_seen=exclude_seen)
        steps = curve(ahead, owner, CUTS[-1])
        rates[name] = [step.mean for step in steps]
        bands[name] = [[step.low, step.high] for step in steps]
    return {"users": len(at), "hr@50": rates, "interval": bands}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data-dir", type=Path, help="folder with the data; default: the variable REC_DATA_DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep-seen", action="store_true", help="rank items of the user's own history too")
    parser.add_argument("--skip-bad-rows", action="store_true")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        dataset = load_dataset(arguments.dataset, arguments.data_dir, skip_bad_rows=arguments.skip_bad_rows)
        report = evaluate(load_checkpoint(arguments.checkpoint), dataset, exclude_seen=not arguments.keep_seen)
        write_report(report, arguments.out)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write((arguments.out / "report.md").read_text())
    sys.stdout.write(json.dumps({"report": str(arguments.out / "report.json")}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
