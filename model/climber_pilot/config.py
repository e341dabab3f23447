"""Configuration of Climber-Pilot: one TOML file -> frozen dataclasses, unknown keys refused."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model.configuration import configuration_from, read_configuration


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network; defaults are the small ones that a CPU trains.

    title_buckets: size of the hashed table of title words; 0 leaves titles unread.
    attention: the backend of guided attention, "auto" by device; it changes speed, never results beyond rounding.
    request_clock: the query knows the time of its request, in periods of clock_period_s (30 days).
    condition_path: how a condition enters: "attention" guides the branch layer's attention (CGSA); the others are its
        rivals of condition_path.py.
    """

    width: int = 64
    num_layers: int = 2
    num_heads: int = 2
    feed_forward_width: int = 256
    num_branches: int = 2
    max_history: int = 50
    dropout: float = 0.5
    id_hashes: int = 1
    id_buckets: int = 16_777_216
    item_combine: Literal["sum", "project"] = "sum"
    use_attributes: bool = True
    title_buckets: int = 0
    position_buckets: int = 32
    time_buckets: int = 32
    request_clock: bool = False
    clock_period_s: int = 2_592_000
    normalise: bool = True
    temperature: float = 0.07
    attention: Literal["auto", "reference", "condition_rows", "fused"] = "auto"
    condition_path: Literal["attention", "adaln_zero", "output_head"] = "attention"


@dataclass(frozen=True)
class ObjectiveConfig:
    """What is predicted and against what.

    tamip: "off" reads every target at the event before it, "readout" at the last event outside its safety interval,
        "mask" applies Eq. 1 literally to one random anchor per history.
    targets: "novel" leaves out events whose item the user has had before (they are removed from answers anyway).
    shuffle_ties: give events of one user and time a new order every epoch (coarse timestamps).
    held_out_user_share: users kept out of training, for figures about listeners the model never saw.
    """

    tamip: Literal["off", "mask", "readout"] = "readout"
    safety_interval_s: int = 900
    targets: Literal["novel", "all"] = "novel"
    held_out_user_share: float = 0.0
    shuffle_ties: bool = False
    loss: Literal["full_softmax", "sampled_softmax"] = "full_softmax"
    softmax_precision: Literal["float32", "bfloat16"] = "float32"
    num_uniform_negatives: int = 512
    in_batch_negatives: bool = True
    log_q: bool = True
    label_smoothing: float = 0.0
    branch_weights: tuple[float, ...] = (1.0, 0.5)


@dataclass(frozen=True)
class StageConfig:
    """One training stage."""

    epochs: int = 10
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    warmup_steps: int = 50
    final_learning_rate_share: float = 0.1
    clip_norm: float = 1.0
    patience_epochs: int = 5
    seed: int = 0
    # Instruction tuning only.
    unconditioned_share: float = 0.2
    eligible_negatives: bool = False


@dataclass(frozen=True)
class ClimberPilotConfig:
    """Everything that training depends on, saved inside the checkpoint."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    pretrain: StageConfig = field(default_factory=StageConfig)
    finetune: StageConfig = field(default_factory=lambda: StageConfig(epochs=3, learning_rate=1e-4))

    def __post_init__(self) -> None:
        if len(self.objective.branch_weights) != self.network.num_branches:
            expected, got = self.network.num_branches, len(self.objective.branch_weights)
            raise ValueError(f"expected {expected} branch_weights, one per branch, got {got}")
        if self.network.width % self.network.num_heads:
            raise ValueError(f"expected num_heads to divide width {self.network.width}, got {self.network.num_heads}")

    def to_json(self) -> str:
        """The whole configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "ClimberPilotConfig":
        """The reverse of `to_json`."""
        return config_from_mapping(json.loads(text))


def load_config(path: Path) -> ClimberPilotConfig:
    """Read a TOML file; unknown sections or keys and values of the wrong type raise ValueError."""
    return read_configuration(path, ClimberPilotConfig())


def config_from_mapping(mapping: Mapping[str, Any]) -> ClimberPilotConfig:
    """Build the configuration from plain nested mappings; see `load_config`."""
    return configuration_from(mapping, ClimberPilotConfig())
