"""Checkpoint: the weights of a stage beside its configuration, thresholds and where it comes from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from model.face_description.config import DescriberConfig
from model.face_description.network import DescriberNetwork
from model.face_description.vocabulary import Vocabulary
from model.training import WEIGHTS_FILE

CONFIG_FILE = "config.json"
FACTS_FILE = "facts.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained stage. thresholds [6], facts: JSON."""

    network: DescriberNetwork
    config: DescriberConfig
    thresholds: np.ndarray
    facts: dict[str, Any]


def save_facts(folder: Path, config: DescriberConfig, thresholds: np.ndarray, facts: dict[str, Any]) -> None:
    """Write what belongs to the weights in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(config.to_json() + "\n")
    document = {**facts, "thresholds": [round(float(one), 6) for one in thresholds]}
    (folder / FACTS_FILE).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what training left; ValueError where something is missing or does not fit."""
    try:
        config = DescriberConfig.from_json((folder / CONFIG_FILE).read_text())
        facts = json.loads((folder / FACTS_FILE).read_text())
        weights = load_file(folder / WEIGHTS_FILE)
    except FileNotFoundError as error:
        raise ValueError(f"expected a trained stage in {folder}, got none: {error.filename}") from None
    network = DescriberNetwork(config.network, len(Vocabulary.of_grammar()))
    network.load_state_dict(weights)
    return Checkpoint(network.eval(), config, np.array(facts["thresholds"]), facts)
