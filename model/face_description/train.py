"""Train the describer: python -m model.face_description.train --config F --data-dir FACES --cache DIR --out DIR.

First the decoder rehearses the grammar's words about drawn labels. Then four stages, each from what the one before has
learnt: the whole face; named regions; arbitrary boxes; boxes of one face against each other. --together trains all of
them at once instead, for as many epochs. Needs the extra vision.
"""

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

import torch

from model.face_description.checkpoint import CONFIG_FILE, FACTS_FILE, load_checkpoint, save_facts
from model.face_description.config import STAGES, TOGETHER, DescriberConfig, load_config
from model.face_description.data import Batch, BatchPlan, make_batch, plan_epoch
from model.face_description.decisions import choose_thresholds, false_claims, pooled_f1
from model.face_description.exam import look_at, set_exam, tasks_by, true_units
from model.face_description.faces import load_faces
from model.face_description.losses import total_loss, unit_weights
from model.face_description.network import DescriberNetwork
from model.face_description.prepared import PreparedFaces, prepare
from model.face_description.questions import PRESENT_FROM
from model.face_description.rehearsal import REHEARSAL, rehearse
from model.face_description.stem_weights import load_stem
from model.face_description.vocabulary import Vocabulary
from model.release import git_revision
from model.training import Fitted, Schedule, fit

logger = logging.getLogger(__name__)
_VALIDATION_SEED = 1_000_003


class Training:
    """The parts of a training that all stages share."""

    def __init__(self, config: DescriberConfig, train: PreparedFaces, validation: PreparedFaces) -> None:
        self.config, self.train, self.validation = config, train, validation
        self.words = Vocabulary.of_grammar()
        torch.manual_seed(config.stage.seed)
        self.network = DescriberNetwork(config.network, len(self.words))
        self.network.start_from(train.landmarks.mean((0, 1)))
        self.weights = unit_weights((train.units >= PRESENT_FROM).float().mean(0))
        self.rehearsed = Fitted({}, 0.0)

    def plans(self, stage: str, epoch: int) -> list[BatchPlan]:
        """The batches of an epoch."""
        settings = self.config.stage
        seed = (settings.seed, epoch)
        return plan_epoch(self.train, stage, settings.batch_size, self.config.objective.replay_share, seed)

    def step(self, plan: BatchPlan) -> torch.Tensor:
        """The loss of one batch."""
        return self._loss(self._batch(self.train, plan))

    def evaluate(self, stage: str) -> dict[str, float]:
        """On validation, over the stage's own questions; negative, for the best is the highest."""
        plans = plan_epoch(self.validation, stage, 64, self.config.objective.replay_share, (_VALIDATION_SEED,))
        losses = [float(self._loss(self._batch(self.validation, plan))) for plan in plans]
        return {"negative_loss": -sum(losses) / len(losses)}

    def _batch(self, part: PreparedFaces, plan: BatchPlan) -> Batch:
        return make_batch(part, plan, self.config.objective, self.words, self.config.network.max_words)

    def _loss(self, batch: Batch) -> torch.Tensor:
        view, found, logits = self.network(batch.faces, batch.boxes, batch.codes, batch.tokens)
        return total_loss(view, found, logits, batch, self.config.objective, self.weights)


def train_stage(training: Training, stage: str, epochs: int, out: Path, *, resume: bool, evaluate_first: bool) -> Path:
    """Run one stage and leave its checkpoint, with thresholds, in OUT/stage; one that is there is taken as it is."""
    config, folder = training.config, out / stage
    _check_resumable(folder, config, resume)
    if (folder / FACTS_FILE).exists():
        training.network.load_state_dict(load_checkpoint(folder).network.state_dict())
        return folder
    fitted = fit(
        training.network,
        replace(Schedule.of(config.stage), epochs=epochs),
        folder,
        batches=lambda epoch: training.plans(stage, epoch),
        step=lambda plan, _: training.step(plan),
        evaluate=lambda: training.evaluate(stage),
        select="negative_loss",
        resume=resume,
        title=stage,
        evaluate_first=evaluate_first,
    )
    items = [item for item in set_exam(training.validation) if item.task in tasks_by(stage)]
    claims, there = look_at(training.network, training.validation, items).claims, true_units(items)
    thresholds = choose_thresholds(claims, there, config.objective.max_false_claims)
    facts = {
        "stage": stage,
        "faces": len(training.train),
        "validation": {
            **fitted.metrics,
            "unit_f1": pooled_f1(claims >= thresholds, there),
            "false_claims": false_claims(claims >= thresholds, there),
        },
        "cpu_minutes": round(fitted.cpu_s / 60, 2),
        "rehearsal": {**training.rehearsed.metrics, "cpu_minutes": round(training.rehearsed.cpu_s / 60, 2)},
        "labels": "action units: machine-made from landmarks; emotion and age: of FER2013 and UTKFace subsets",
        "git_revision": git_revision(),
    }
    save_facts(folder, config, thresholds, facts)
    return folder


def train(
    config: DescriberConfig,
    train_part: PreparedFaces,
    validation: PreparedFaces,
    out: Path,
    *,
    resume: bool,
    together: bool = False,
) -> Path:
    """All stages, or all at once; the folder of the last checkpoint."""
    training = Training(config, train_part, validation)
    _check_resumable(out / REHEARSAL, config, resume)
    training.rehearsed = rehearse(config, training.network, training.words, out, resume=resume)
    if together:
        epochs = config.stage.epochs * len(STAGES)
        return train_stage(training, TOGETHER, epochs, out, resume=resume, evaluate_first=False)
    folder = out
    for number, stage in enumerate(STAGES):
        folder = train_stage(training, stage, config.stage.epochs, out, resume=resume, evaluate_first=number > 0)
    return folder


def _check_resumable(folder: Path, config: DescriberConfig, resume: bool) -> None:
    """A training goes on under the configuration that it began with, or not at all."""
    path = folder / CONFIG_FILE
    if resume and path.exists() and DescriberConfig.from_json(path.read_text()) != config:
        raise ValueError(f"expected the configuration in {path} to resume, got another one")
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        # Written last, they say that a stage is finished.
        (folder / FACTS_FILE).unlink(missing_ok=True)
    path.write_text(config.to_json() + "\n")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file, e.g. model/face_description/small.toml")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with fer2013/ and utkface/")
    parser.add_argument("--cache", type=Path, required=True, help="where prepared faces are kept")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--together", action="store_true", help="all stages at once")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        config, faces, stem = load_config(arguments.config), load_faces(arguments.data_dir), load_stem()
        train_part = prepare(faces, "train", stem, arguments.cache)
        validation = prepare(faces, "validation", stem, arguments.cache)
        folder = train(
            config, train_part, validation, arguments.out, resume=arguments.resume, together=arguments.together
        )
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    logger.info("checkpoint: %s", folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
