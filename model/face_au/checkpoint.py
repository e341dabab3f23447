"""Checkpoint: a training's folder with all that is needed to evaluate it, go on with it, or export it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from model.face_au.action_units import NUM_LANDMARKS
from model.face_au.config import FaceAuConfig
from model.face_au.inference import CONFIG_FILE
from model.face_au.network import MgrrNet
from model.training import WEIGHTS_FILE

FACTS_FILE = "facts.json"


@dataclass(frozen=True)
class Checkpoint:
    """network is in eval mode; facts: dataset, fold, data_revision, thresholds by action unit, validation, ..."""

    config: FaceAuConfig
    network: MgrrNet
    facts: dict[str, Any]


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint; raises ValueError where there is none or its training has not ended."""
    if not (folder / WEIGHTS_FILE).exists() or not (folder / FACTS_FILE).exists():
        raise ValueError(f"expected a checkpoint with {WEIGHTS_FILE} and {FACTS_FILE} in {folder}, found none")
    facts = json.loads((folder / FACTS_FILE).read_text())
    if "thresholds" not in facts:
        raise ValueError(f"expected a finished training in {folder}; go on with it by --resume")
    config = FaceAuConfig.from_json((folder / CONFIG_FILE).read_text())
    num_units = len(config.network.aus)
    network = MgrrNet(config.network, torch.zeros(num_units, num_units), torch.zeros(NUM_LANDMARKS, 2))
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return Checkpoint(config, network.eval(), facts)


def save_description(folder: Path, config: FaceAuConfig, facts: dict[str, Any]) -> None:
    """Write everything of a checkpoint but its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(config.to_json())
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=2))


def check_resumable(folder: Path, config: FaceAuConfig, facts: dict[str, Any]) -> None:
    """Raise ValueError where the training begun in `folder` had another configuration or other data."""
    if not (folder / FACTS_FILE).exists():
        return
    if FaceAuConfig.from_json((folder / CONFIG_FILE).read_text()) != config:
        raise ValueError(f"expected the configuration that {folder} was begun with to resume it, got another")
    begun = json.loads((folder / FACTS_FILE).read_text())
    for name in ("dataset", "fold", "data_revision"):
        if begun[name] != facts[name]:
            raise ValueError(f"expected {name} {begun[name]} to resume {folder}, got {facts[name]}")
