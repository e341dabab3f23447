"""Configuration of MGRR-Net: one TOML file -> frozen dataclasses, unknown keys refused."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from model.configuration import configuration_from, read_configuration
from model.face_au.action_units import CENTRES

WEAK_AUS = ("AU01", "AU02", "AU06", "AU12", "AU25", "AU26")


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network, and which of its levels are there; defaults are those of the paper notes.

    stem_widths: channels of the two stem layers. stem_grids: cells a side of the region-wise convolutions of a stem
        layer, each with half the channels of the one before; empty: plain convolutions.
    extractor_widths: channels of the blocks that read a whole face or an action unit's part of it; each halves the map.
    halving: how a block does so: max-pooling behind its convolutions, or a "stride" of the first, four times cheaper.
    map_width: channels of the nets that refine attention maps. width: of the nodes of every graph.
    score: how much a node attends to another: "dot" product or the "additive" one of graph attention networks.
    local, region_graph, pixel_graph, channel_graph: the levels. Without `local` every node is read off the whole face.
    """

    aus: tuple[str, ...] = WEAK_AUS
    input_px: int = 176
    colour_channels: int = 3
    stem_widths: tuple[int, ...] = (32, 64)
    stem_grids: tuple[int, ...] = (8, 4, 2)
    extractor_widths: tuple[int, ...] = (96, 128, 160)
    convolutions_per_block: int = 2
    halving: Literal["pool", "stride"] = "pool"
    map_width: int = 64
    alignment_width: int = 512
    width: int = 64
    num_heads: int = 4
    num_layers: int = 2
    score: Literal["dot", "additive"] = "dot"
    local: bool = True
    region_graph: bool = True
    pixel_graph: bool = True
    channel_graph: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        unknown = set(self.aus) - set(CENTRES)
        if unknown or not self.aus or len(set(self.aus)) != len(self.aus):
            raise ValueError(f"expected different action units of {sorted(CENTRES)}, got {self.aus}")
        if self.width % self.num_heads:
            raise ValueError(f"expected num_heads to divide width {self.width}, got {self.num_heads}")
        if len(self.stem_widths) != 2 or any(width % 8 for width in self.stem_widths):
            raise ValueError(f"expected two stem_widths, multiples of 8, got {self.stem_widths}")
        if self.input_px % 4 or any(self.input_px // 2 % grid for grid in self.stem_grids):
            raise ValueError(f"expected input_px of which half is a multiple of {self.stem_grids}, got {self.input_px}")
        if self.extractor_px < 1:
            raise ValueError(f"expected input_px that {len(self.extractor_widths)} halvings leave, got {self.input_px}")

    @property
    def feature_px(self) -> int:
        """Side of the stem's output and of the attention maps."""
        return self.input_px // 4

    @property
    def extractor_px(self) -> int:
        """Side of what an extractor makes."""
        side = self.feature_px
        for _ in self.extractor_widths:
            side = side // 2 if self.halving == "pool" else (side + 1) // 2
        return side


@dataclass(frozen=True)
class ObjectiveConfig:
    """The loss: weights of its parts, and what the labels are.

    soft_labels: learn probabilities where the labels are such, instead of presence at 0.5.
    """

    dice_weight: float = 1.0
    branch_weight: float = 1.0
    landmark_weight: float = 0.5
    soft_labels: bool = False


@dataclass(frozen=True)
class AugmentationConfig:
    """How training images are changed: uniformly up to these, with the landmarks and without the labels.

    shift: share of the side. scale: change of size. brightness, contrast: of an image's own range. erased: largest
        share of the side of a square that is greyed out, in every second image.
    """

    mirror: bool = True
    rotation_deg: float = 10.0
    shift: float = 0.06
    scale: float = 0.1
    brightness: float = 0.2
    contrast: float = 0.2
    erased: float = 0.0


@dataclass(frozen=True)
class StageConfig:
    """One training; the meaning of its fields is that of model.training.Schedule."""

    epochs: int = 20
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    warmup_steps: int = 100
    final_learning_rate_share: float = 0.01
    clip_norm: float = 5.0
    patience_epochs: int = 20
    seed: int = 0


@dataclass(frozen=True)
class FaceAuConfig:
    """Everything that training depends on, saved inside the checkpoint."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    stage: StageConfig = field(default_factory=StageConfig)

    def to_json(self) -> str:
        """The whole configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "FaceAuConfig":
        """The reverse of `to_json`."""
        return configuration_from(json.loads(text), cls())


def load_config(path: Path) -> FaceAuConfig:
    """Read a TOML file; unknown sections or keys and values of the wrong type raise ValueError."""
    return read_configuration(path, FaceAuConfig())
