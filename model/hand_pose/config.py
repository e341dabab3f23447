"""Configuration of the hand-pose model: one TOML file -> frozen dataclasses, saved inside checkpoint and release."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.configuration import configuration_from, read_configuration


@dataclass(frozen=True)
class NetworkConfig:
    """hidden: widths of the encoder's layers, from the code inwards; the decoder has them the other way round."""

    hidden: tuple[int, ...] = (256, 128)


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the loss and strengths of the augmentation.

    anti_jitter_weight: of the terms that keep consecutive frames, and a code and its noisy copy, together in the plane.
    code_noise: standard deviation of the noisy copy, in those of the code. landmark_noise: that of noise on points, in
        image widths, up to this much. hidden_finger_share: hands of which one finger keeps its last value.
    """

    kl_weight: float = 0.01
    anti_jitter_weight: float = 1.0
    code_noise: float = 0.1
    landmark_noise: float = 0.002
    hidden_finger_share: float = 0.1


@dataclass(frozen=True)
class StageConfig:
    """How long and how fast to train."""

    epochs: int = 20
    steps_per_epoch: int = 300
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 50
    final_learning_rate_share: float = 0.02
    clip_norm: float = 1.0
    patience_epochs: int = 20
    seed: int = 0


@dataclass(frozen=True)
class LayoutConfig:
    """evenness: 0 only scales the plane to the unit square, 1 spreads the training poses evenly over it.

    bins: columns within which the second axis is spread by itself.
    """

    evenness: float = 0.5
    bins: int = 16


@dataclass(frozen=True)
class CursorConfig:
    """What steadies the cursor; positions are in widths of the map.

    min_cutoff_hz, speed_coefficient, derivative_cutoff_hz: the One Euro filter's f_min, beta and f_d.
    jump, low_confidence: a step above jump by a hand less sure than low_confidence repeats the last position.
    hold_*: a turning point is a reversal, or a slow-down from fast_per_s to slow_per_s; the position is held until the
        hand is hold_distance away or hold_s are over, then given back over release_frames.
    """

    min_cutoff_hz: float = 1.0
    speed_coefficient: float = 1.0
    derivative_cutoff_hz: float = 1.0
    jump: float = 0.35
    low_confidence: float = 0.5
    velocity_half_life_s: float = 0.1
    fast_per_s: float = 0.4
    slow_per_s: float = 0.15
    hold_distance: float = 0.02
    hold_s: float = 0.25
    release_frames: int = 3
    lost_after_s: float = 0.4


@dataclass(frozen=True)
class HandPoseConfig:
    """Everything that training and the cursor depend on."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    stage: StageConfig = field(default_factory=StageConfig)
    layout: LayoutConfig = field(default_factory=LayoutConfig)
    cursor: CursorConfig = field(default_factory=CursorConfig)

    def __post_init__(self) -> None:
        if not self.network.hidden or min(self.network.hidden) < 1:
            raise ValueError(f"expected positive widths as network.hidden, got {self.network.hidden}")
        if not 0 <= self.layout.evenness <= 1 or self.layout.bins < 2:
            raise ValueError(f"expected an evenness of 0 to 1 and at least 2 bins, got {self.layout}")

    def to_json(self) -> str:
        """The whole configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)


def load_config(path: Path) -> HandPoseConfig:
    """Read a TOML file; unknown sections or keys and values of the wrong type raise ValueError."""
    return read_configuration(path, HandPoseConfig())


def config_from_mapping(mapping: Mapping[str, Any]) -> HandPoseConfig:
    """Build the configuration from plain nested mappings; see `load_config`."""
    return configuration_from(mapping, HandPoseConfig())
