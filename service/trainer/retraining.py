"""Retraining: Climber-Pilot on the archive's newest days, from the release in force to the next one.

Stages: window (events and items to a data set, weights carried over to its items), pretrain (TAMIP), finetune (CGSA),
evaluate (against the release in force, on the newest held-back events), export, publish.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from redis import Redis
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig, StageConfig
from model.climber_pilot.export import checkpoint_files, release_facts
from model.climber_pilot.growth import grown_files
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, WEIGHTS_FILE
from model.climber_pilot.join import join
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.stages import Training
from model.climber_pilot.towers import Network, network_of
from model.climber_pilot.train import train
from model.climber_pilot.warm_start import carried_weights
from model.datasets.dataset import Dataset
from model.manifest import ReleaseError
from model.metrics import hit_rate
from service.trainer.archive import Archive
from service.trainer.cycle import WORSE, CycleOverError, Stage
from service.trainer.item_table import posted_items, with_posted
from service.trainer.journal import Journal
from service.trainer.publication import CYCLE, Publication, training_of
from service.trainer.settings import TrainerSettings
from service.trainer.window import read_window, window_dataset, write_window

STAGES = ("window", "pretrain", "finetune", "evaluate", "export", "publish")
CUTS = (10, 50)
MIN_TARGETS, MAX_TARGETS = 10, 5_000
# A window is few steps: as many as for random weights would be most of them.
WARMUP_STEPS = 10
SCHEDULE_FILE = "schedule.json"
WINDOW, BASE, JOINED, EXPORT = "window", "base", "joined", "export"


class Retraining:
    """One cycle's stages. Nothing is kept between them but what lies in the cycle's folder and its journal."""

    def __init__(self, settings: TrainerSettings, redis: Redis, archive: Archive, publication: Publication) -> None:
        self._settings = settings
        self._redis = redis
        self._archive = archive
        self._publication = publication

    def stages(self) -> dict[str, Stage]:
        """Name -> what to do, in order."""
        return {name: getattr(self, name) for name in STAGES}

    def window(self, work: Path, _: Journal) -> Mapping[str, Any]:
        """Events, items and the weights to begin with, over these items."""
        newest_entry = self._archive.newest_entry()
        base = self._publication.in_force()
        facts = base.manifest["facts"]
        config = ClimberPilotConfig.from_json((base.path / CONFIG_FILE).read_text())
        before = Catalogue.load(base.path / CATALOGUE_FILE)
        dataset = self._dataset(with_posted(before.items, posted_items(self._redis)), facts, work)
        if len(Training.prepare(config, dataset).split.test) < MIN_TARGETS:
            raise CycleOverError("too_few_events")
        (work / BASE).mkdir(exist_ok=True)
        weights = load_file(base.path / WEIGHTS_FILE)
        save_file(carried_weights(config.network, before, dataset.catalogue(), weights), work / BASE / WEIGHTS_FILE)
        (work / BASE / CONFIG_FILE).write_text(config.to_json())
        (work / BASE / SCHEDULE_FILE).write_text(self._shorter(config).to_json())
        return {
            "base": base.release_id,
            "training": training_of(base),
            "towers": facts.get("towers", 1),
            "graphs": any(name.endswith(".onnx") for name in base.manifest["files"]),
            "newest_entry": newest_entry,
            "events": len(dataset.interactions),
            "items": len(dataset.items),
            "notes": list(dataset.notes),
        }

    def pretrain(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """TAMIP, from the weights of the release in force."""
        return self._train("pretrain", work, journal.facts["towers"])

    def finetune(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """CGSA."""
        found = self._train("finetune", work, journal.facts["towers"])
        if journal.facts["towers"] > 1:
            join([_tower(work, number) / "finetune" for number in range(journal.facts["towers"])], work / JOINED)
        return found

    def evaluate(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """Hit rates on each user's newest event, which nothing was trained on: of the base, and of the new."""
        dataset, _ = read_window(work / WINDOW)
        checkpoint = load_checkpoint(_checkpoint(work, journal))
        training = Training.prepare(checkpoint.config, dataset)
        base = network_of(checkpoint.config.network, training.catalogue, journal.facts["towers"])
        base.load_state_dict(load_file(work / BASE / WEIGHTS_FILE))
        before, after = (_hit_rates(network.eval(), training) for network in (base, checkpoint.model))
        if after["hr@50"] < (1 - self._settings.max_hit_rate_loss) * before["hr@50"]:
            raise CycleOverError(WORSE, before=before, after=after)
        return {"before": before, "after": after}

    def export(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """The files of a release, in one folder."""
        folder = work / EXPORT
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, path in checkpoint_files(_checkpoint(work, journal), folder, graphs=journal.facts["graphs"]).items():
            if path.parent != folder:
                shutil.copy(path, folder / name)
        # Of the release in force, as it was first trained: shares of its rates must not become shares of shares.
        shutil.copy(work / BASE / CONFIG_FILE, folder / CONFIG_FILE)
        return {}

    def publish(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """The release, over the items of this moment, in force: unless somebody has put another training there."""
        with self._publication.turn():
            in_force, made = self._publication.in_force(), self._publication.find(CYCLE, journal.cycle)
            if made is not None and training_of(in_force) == made.release_id:
                self._publication.sweep()
                return {"release": made.release_id}
            if training_of(in_force) != journal.facts["training"]:
                raise CycleOverError("overtaken")
            if made is not None:  # a killed process has written it
                return {"release": self._publication.put_in_force(made, in_force.release_id).release_id}
            facts = self._facts(work, journal)
            files = self._files_now(work, pl.read_parquet(in_force.path / CATALOGUE_FILE), facts.get("towers", 1))
            try:
                release = self._publication.publish(files, facts, in_force)
            except ReleaseError as error:
                if error.code == "overtaken":
                    raise CycleOverError(error.code) from None
                raise
        return {"release": release.release_id}

    def _dataset(self, items: pl.DataFrame, facts: Mapping[str, Any], work: Path) -> Dataset:
        """The window as it is now, on disk."""
        last_erasure = self._archive.last_erasure
        events = self._archive.window(self._settings.window_days, self._settings.event_types)
        try:
            dataset = window_dataset(events, items, facts)
        except ValueError:
            raise CycleOverError("too_few_events") from None
        write_window(dataset, last_erasure, work / WINDOW)
        return dataset

    def _train(self, stage: str, work: Path, towers: int) -> Mapping[str, Any]:
        dataset, last_erasure = read_window(work / WINDOW)
        if last_erasure != self._archive.last_erasure:
            # Since then somebody was erased: the stage begins anew, without what he did.
            facts = {"dataset": dataset.name, "instructable": dataset.instructable, "simulated": dataset.simulated}
            dataset = self._dataset(dataset.items, facts, work)
            for number in range(towers):
                shutil.rmtree(_tower(work, number) / stage, ignore_errors=True)
        config = ClimberPilotConfig.from_json((work / BASE / SCHEDULE_FILE).read_text())
        weights = load_file(work / BASE / WEIGHTS_FILE)
        validation = []
        for number in range(towers):
            start = weights if towers == 1 else _of_tower(weights, number)
            out = _tower(work, number)
            folder = train(stage, _seeded(config, number), dataset, out, resume=True, warm_start=start)
            validation.append(load_checkpoint(folder).facts["validation"])
        return {f"{stage}_validation": validation}

    def _shorter(self, config: ClimberPilotConfig) -> ClimberPilotConfig:
        """The configuration of a first training, with the epochs and learning rates of a refresh."""
        settings = self._settings

        def shorter(stage: StageConfig, epochs: int) -> StageConfig:
            rate, steps = settings.learning_rate_share * stage.learning_rate, min(stage.warmup_steps, WARMUP_STEPS)
            return replace(stage, epochs=epochs, learning_rate=rate, warmup_steps=steps)

        pretrain = shorter(config.pretrain, settings.pretrain_epochs)
        return replace(config, pretrain=pretrain, finetune=shorter(config.finetune, settings.finetune_epochs))

    def _facts(self, work: Path, journal: Journal) -> dict[str, Any]:
        trained = load_checkpoint(_checkpoint(work, journal)).facts
        report = {name: journal.facts[name] for name in ("before", "after")}
        window = {name: journal.facts[name] for name in ("base", "events", "newest_entry")}
        schedule = json.loads((work / BASE / SCHEDULE_FILE).read_bytes())
        return release_facts(trained, report) | {CYCLE: journal.cycle, "window": window, "schedule": schedule}

    def _files_now(self, work: Path, items: pl.DataFrame, towers: int) -> dict[str, Path]:
        """What was exported, over the items in force and those posted since the window was built."""
        files = {path.name: path for path in (work / EXPORT).iterdir()}
        exported = pl.read_parquet(files[CATALOGUE_FILE])
        now = with_posted(items, posted_items(self._redis))
        if now.equals(exported):
            return files
        grown = work / "grown"
        shutil.rmtree(grown, ignore_errors=True)
        grown.mkdir()
        return grown_files(files, now, grown, towers)


def _hit_rates(network: Network, training: Training) -> dict[str, float]:
    targets = training.split.test.sample(MAX_TARGETS, seed=0)
    with torch.inference_mode():
        queries, vectors = encode_targets(network, training.split.histories, targets, None, None)
        ranks: np.ndarray = target_ranks(queries, vectors, training.split.histories, targets)
    return {f"hr@{cut}": hit_rate(ranks, cut) for cut in CUTS} | {"users": float(len(targets))}


def _tower(work: Path, number: int) -> Path:
    return work / f"tower-{number}"


def _checkpoint(work: Path, journal: Journal) -> Path:
    return work / JOINED if journal.facts["towers"] > 1 else _tower(work, 0)


def _of_tower(weights: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    prefix = f"towers.{number}."
    return {name.removeprefix(prefix): table for name, table in weights.items() if name.startswith(prefix)}


def _seeded(config: ClimberPilotConfig, number: int) -> ClimberPilotConfig:
    """Towers see the same events in orders of their own."""
    pretrain, finetune = (replace(stage, seed=stage.seed + number) for stage in (config.pretrain, config.finetune))
    return replace(config, pretrain=pretrain, finetune=finetune)
