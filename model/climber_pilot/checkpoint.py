"""Checkpoint: a training stage's folder with all that is needed to evaluate, go on from, or export it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save as array_bytes
from safetensors.torch import load_file

from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.towers import Network, network_of
from model.durable_files import replace_durably
from model.training import WEIGHTS_FILE

CONFIG_FILE = "config.json"
CATALOGUE_FILE = "catalogue.parquet"
STATISTICS_FILE = "statistics.safetensors"
FACTS_FILE = "facts.json"
STAGES = ("finetune", "pretrain")


@dataclass(frozen=True)
class Checkpoint:
    """model is in eval mode; popularity: float32 [V] training events per item; facts: what it was made from."""

    config: ClimberPilotConfig
    catalogue: Catalogue
    model: Network
    popularity: np.ndarray
    facts: dict[str, Any]


def stage_folder(path: Path) -> Path:
    """The folder that holds weights: `path` itself, or its finetune or pretrain stage (the later one first)."""
    for folder in (path, *(path / stage for stage in STAGES)):
        if (folder / WEIGHTS_FILE).exists():
            return folder
    raise ValueError(f"expected a checkpoint with {WEIGHTS_FILE} in {path} or its stages {STAGES}, found none")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; raises ValueError where there is none or its training has not ended."""
    folder = stage_folder(path)
    facts = json.loads((folder / FACTS_FILE).read_text())
    if "validation" not in facts:
        raise ValueError(f"expected a finished training in {folder}; go on with it by --resume")
    config = ClimberPilotConfig.from_json((folder / CONFIG_FILE).read_text())
    catalogue = Catalogue.load(folder / CATALOGUE_FILE)
    model = network_of(config.network, catalogue, facts.get("towers", 1))
    model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    popularity = load_arrays(folder / STATISTICS_FILE)["popularity"]
    return Checkpoint(config, catalogue, model.eval(), popularity, facts)


def save_description(
    folder: Path, config: ClimberPilotConfig, catalogue: Catalogue, popularity: np.ndarray, facts: dict[str, Any]
) -> None:
    """Write everything of a checkpoint but its weights; a kill leaves each file as it was or as it shall be."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(folder / CONFIG_FILE, config.to_json().encode())
    replace_durably(folder / CATALOGUE_FILE, catalogue.to_bytes())
    replace_durably(folder / STATISTICS_FILE, array_bytes({"popularity": popularity.astype(np.float32)}))
    replace_durably(folder / FACTS_FILE, json.dumps(facts, indent=2).encode())


def check_resumable(folder: Path, config: ClimberPilotConfig, facts: dict[str, Any]) -> None:
    """Raise ValueError where the training begun in `folder` had another configuration or other data."""
    if not (folder / FACTS_FILE).exists():
        return
    if ClimberPilotConfig.from_json((folder / CONFIG_FILE).read_text()) != config:
        raise ValueError(f"expected the configuration that {folder} was begun with to resume it, got another")
    begun = json.loads((folder / FACTS_FILE).read_text())["data_revision"]
    if begun != facts["data_revision"]:
        raise ValueError(f"expected data revision {begun} to resume {folder}, got {facts['data_revision']}")
