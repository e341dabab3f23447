"""Checkpoint: a trained hand-pose model as training leaves it and export takes it."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from model.hand_pose.config import HandPoseConfig, config_from_mapping
from model.hand_pose.inference import CONFIG_FILE, SKELETON_FILE, WEIGHTS_FILE
from model.hand_pose.network import HandPoseNetwork
from model.hand_pose.skeleton import Skeleton


@dataclass(frozen=True)
class Checkpoint:
    """A network in evaluation mode with what belongs to it."""

    config: HandPoseConfig
    network: HandPoseNetwork
    skeleton: Skeleton


def load_checkpoint(folder: Path) -> Checkpoint:
    """What `train` left in a folder; OSError or ValueError where it did not."""
    config = config_from_mapping(json.loads((folder / CONFIG_FILE).read_text()))
    network = HandPoseNetwork(config.network)
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    network.eval()
    return Checkpoint(config, network, Skeleton.from_json((folder / SKELETON_FILE).read_text()))
