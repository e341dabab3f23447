"""Train Climber-Pilot: python -m model.climber_pilot.train pretrain|finetune --config F --dataset D --out DIR.

pretrain: TAMIP, every branch k predicts the k-th next item (section 2.2). finetune: CGSA, all branches predict the same
item under its own condition from truncated contexts (section 2.3), starting from OUT/pretrain. Under torchrun every
process computes a share of each batch and keeps a share of the item ids; the result is that of one process.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from model.climber_pilot.checkpoint import check_resumable, load_checkpoint, save_description, stage_folder
from model.climber_pilot.condition_path import load_pretrained
from model.climber_pilot.config import ClimberPilotConfig, load_config
from model.climber_pilot.data import Batch
from model.climber_pilot.evaluate import evaluate
from model.climber_pilot.histories import Targets
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.report import write_report
from model.climber_pilot.stages import Training, finetune_step, popularity, pretrain_step
from model.climber_pilot.warm_start import begin_with
from model.crew import Crew
from model.datasets.dataset import Dataset
from model.datasets.registry import load_dataset
from model.metrics import hit_rate, ndcg
from model.ranks import Ranks, joined
from model.release import git_revision
from model.training import WEIGHTS_FILE, Schedule, fit

logger = logging.getLogger(__name__)

VALIDATION_USERS = 5_000
DEVICES = ("cpu", "cuda")


def validate(training: Training, targets: Targets, entries: np.ndarray | None) -> dict[str, float]:
    """HR@10 and NDCG@10 on validation targets, seen items removed; under each target's condition when given.

    Every rank takes its share of the targets and has the figures of all.
    """
    model, histories, sampler = training.model, training.split.histories, training.sampler
    share = training.ranks.share(len(targets))
    targets = Targets(targets.start[share], targets.event[share])
    entries = None if entries is None else entries[share]
    table = None if entries is None else sampler.table
    queries, item_vectors = encode_targets(model, histories, targets, table, entries)
    eligible = None if entries is None else training.eligible
    ranks = target_ranks(queries, item_vectors, histories, targets, eligible=eligible, entries=entries)
    ranks = training.ranks.gathered(torch.from_numpy(ranks)).numpy()
    return {"hr@10": hit_rate(ranks, 10), "ndcg@10": ndcg(ranks, 10)}


def train(
    stage: str,
    config: ClimberPilotConfig,
    dataset: Dataset,
    out: Path,
    *,
    resume: bool,
    device: str = "cpu",
    ranks: Ranks | None = None,
    warm_start: Mapping[str, Tensor] | None = None,
) -> Path:
    """Run one stage and leave its checkpoint in OUT/stage; with several ranks together, called by each.

    warm_start: weights over the dataset's catalogue (see warm_start.py) that pre-training begins with, instead of
    random ones; they then count as its epoch 0.
    """
    ranks = ranks or Ranks()
    training = Training.prepare(config, dataset, device, ranks)
    folder, settings = out / stage, config.pretrain if stage == "pretrain" else config.finetune
    targets = training.split.validation.sample(VALIDATION_USERS, seed=0)
    entries: np.ndarray | None = None
    step_of: Callable[[Training, Batch, np.random.Generator], Tensor] = pretrain_step
    if warm_start is not None and stage == "pretrain":
        begin_with(training.model, own_rows(training, warm_start))
    if stage == "finetune":
        load_pretrained(training.model, own_rows(training, load_file(stage_folder(out / "pretrain") / WEIGHTS_FILE)))
        rows = training.split.histories.rows[targets.event]
        entries = training.sampler.draw(rows, 0.0, np.random.default_rng(0))
        step_of = finetune_step
    facts = training_facts(stage, dataset, training)
    counts = popularity(training.split, len(training.catalogue))
    if resume:
        check_resumable(folder, config, facts)
    if ranks.leads:
        save_description(folder, config, training.catalogue, counts, facts)
    best = fit(
        training.model,
        Schedule.of(settings),
        folder,
        batches=lambda epoch: training.pieces.epoch(settings.batch_size, np.random.default_rng((settings.seed, epoch))),
        step=lambda pieces, number: step_of(
            training, training.pieces.batch(pieces), np.random.default_rng((settings.seed, 1, number))
        ),
        evaluate=lambda: validate(training, targets, entries),
        select="ndcg@10",
        resume=resume,
        title=stage,
        evaluate_first=stage == "finetune" or warm_start is not None,
        ranks=ranks,
        sharded=training.sharded,
    )
    facts |= {"validation": best.metrics, "cpu_minutes": round(best.cpu_s / 60, 2)}
    if ranks.leads:
        save_description(folder, config, training.catalogue, counts, facts)
    return folder


def own_rows(training: Training, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole weights as this rank has them: of those that are spread over the ranks, its rows."""
    crew, current = Crew(training.ranks, training.sharded), training.model.state_dict()
    return {name: crew.own(name, whole, current[name]) if name in current else whole for name, whole in weights.items()}


def training_facts(stage: str, dataset: Dataset, training: Training) -> dict[str, object]:
    """Where a checkpoint comes from."""
    objective = training.config.objective
    targets, dropped = training.count_targets()
    return {
        "stage": stage,
        "dataset": dataset.name,
        "data_revision": dataset.revision(),
        "simulated": dataset.simulated,
        "notes": list(dataset.notes),
        "instructable": list(dataset.instructable),
        "users": len(training.split.histories),
        "items": len(training.catalogue),
        "events": len(training.split.histories.rows),
        "training_targets": targets,
        "targets_without_visible_history": dropped,
        "tamip": objective.tamip,
        "safety_interval_s": objective.safety_interval_s,
        "device": training.model.device.type,
        "ranks": training.ranks.size,
        "git_revision": git_revision(),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.train", description=__doc__)
    parser.add_argument("stage", choices=["pretrain", "finetune"])
    parser.add_argument("--config", type=Path, required=True, help="TOML file, e.g. model/climber_pilot/beauty.toml")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data-dir", type=Path, help="folder with the data; default: the variable REC_DATA_DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    parser.add_argument("--skip-bad-rows", action="store_true")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="cuda trains with the fused attention")
    parser.add_argument("--evaluate", action="store_true", help="write the report of the checkpoint beside it")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if arguments.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("expected a CUDA device and a CUDA build of torch for --device cuda, found none")
        config = load_config(arguments.config)
        dataset = load_dataset(arguments.dataset, arguments.data_dir, skip_bad_rows=arguments.skip_bad_rows)
        with joined(arguments.device) as ranks:
            folder = train(
                arguments.stage,
                config,
                dataset,
                arguments.out,
                resume=arguments.resume,
                device=arguments.device,
                ranks=ranks,
            )
        if arguments.evaluate and ranks.leads:
            write_report(evaluate(load_checkpoint(folder), dataset), folder / "report")
            sys.stdout.write((folder / "report" / "report.md").read_text())
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    logger.info("checkpoint: %s", folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
