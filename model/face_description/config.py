"""Configuration of the describer: one TOML file -> frozen dataclasses, unknown keys refused."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from model.configuration import configuration_from, read_configuration

StageName = Literal["face", "region", "focus", "recognise"]
STAGES: tuple[StageName, ...] = ("face", "region", "focus", "recognise")
"""The stages, in their order; each starts from what the one before has learnt."""
TOGETHER = "together"
"""What all of them at once are called, the rival of going stage by stage."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the trained part.

    whole_dropout: of what the linear map reads off the whole face. use_box, use_crop: off in the ablations, which do
    not see the box or its zoom.
    """

    width: int = 128
    num_heads: int = 4
    face_blocks: int = 2
    decoder_blocks: int = 2
    map_channels: int = 64
    dropout: float = 0.2
    whole_dropout: float = 0.5
    max_words: int = 80
    use_box: bool = True
    use_crop: bool = True


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights of the losses and shares of the samples.

    replay_share: faces of a stage's batches that are asked as an earlier stage would ask. told_share: texts whose
    labels are told to the decoder; the others have to be read off the pixels. invented_share: of those told, texts
    about labels that are drawn, so that the decoder says what it is told. max_false_claims: the share of empty regions
    with a claim that validation allows when it sets the thresholds.
    """

    units_weight: float = 1.0
    emotion_weight: float = 0.5
    age_weight: float = 0.5
    sight_weight: float = 0.5
    landmark_weight: float = 5.0
    text_weight: float = 0.5
    replay_share: float = 0.2
    told_share: float = 0.6
    invented_share: float = 0.5
    boxes_per_face: int = 2
    max_false_claims: float = 0.035


@dataclass(frozen=True)
class RehearsalConfig:
    """How long the decoder learns words before it sees a face; 0 epochs: not at all."""

    epochs: int = 4
    batches_per_epoch: int = 250
    batch_size: int = 64
    learning_rate: float = 2e-3


@dataclass(frozen=True)
class StageConfig:
    """How one stage is trained."""

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 30
    final_learning_rate_share: float = 0.1
    clip_norm: float = 1.0
    patience_epochs: int = 100
    seed: int = 0


@dataclass(frozen=True)
class DescriberConfig:
    """Everything that training depends on, saved with the checkpoint."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    rehearsal: RehearsalConfig = field(default_factory=RehearsalConfig)
    stage: StageConfig = field(default_factory=StageConfig)

    def __post_init__(self) -> None:
        if self.network.width % self.network.num_heads:
            raise ValueError(f"expected num_heads to divide width {self.network.width}, got {self.network.num_heads}")

    def to_json(self) -> str:
        """The whole configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "DescriberConfig":
        """The reverse of `to_json`."""
        return configuration_from(json.loads(text), cls())


def load_config(path: Path) -> DescriberConfig:
    """Read a TOML file; unknown sections or keys and values of the wrong type raise ValueError."""
    return read_configuration(path, DescriberConfig())
