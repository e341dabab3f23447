"""Configuration of a matcher: one TOML file -> frozen dataclasses, unknown keys refused."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model.configuration import configuration_from, read_configuration


@dataclass(frozen=True)
class NetworkConfig:
    """Which matcher, how wide, and which of its parts; "linear" is the baseline, the skip alone.

    visual: what a token of the image is, a region or one of 7 x 7 pooled grid cells.
    region_width, grid_width: F of regions and C of the grid. num_classes, map_side: of the segmentation; a map is
        thinned to map_side x map_side cells.
    segmentation (3shnet), graphs (cmsei, hire): False leaves the part out.
    label_words: add the sentence encoder's vector of a region's label to its token.
    skip: beside its own vectors the matcher has those of a linear one, which reads the whole grid and the sentence
        encoder's vector, at width skip_dim. gate: the weight of its own beside them.
    whole: what the skip reads of the grid, its mean or the square roots of the means of all and of the middle cells.
    closed_form: the skip starts as regularised canonical correlation of the training part; ridge: of images and texts.
    informed_start: so do the projections of tokens and of frozen states.
    """

    architecture: Literal["3shnet", "cmsei", "hire", "linear"] = "3shnet"
    visual: Literal["region", "grid"] = "region"
    dim: int = 256
    region_width: int = 1280
    grid_width: int = 1280
    dropout: float = 0.0
    num_classes: int = 133
    map_side: int = 64
    segmentation: bool = True
    unused_norms: bool = False
    graphs: bool = True
    graph_layers: int = 2
    spatial_rule: Literal["iou", "polar"] = "iou"
    heads: int = 16
    direction: Literal["both", "i2t", "t2i"] = "both"
    label_words: bool = False
    skip: bool = True
    skip_dim: int = 256
    gate: float = 1.0
    whole: Literal["mean", "centred"] = "centred"
    closed_form: bool = True
    informed_start: bool = False
    ridge: tuple[float, float] = (10.0, 0.3)

    @property
    def token_width(self) -> int:
        """Features of one token of the image."""
        grid = self.visual == "grid" or self.architecture == "linear"
        return self.grid_width if grid else self.region_width

    @property
    def whole_width(self) -> int:
        """Features of the whole image that the skip reads."""
        return self.grid_width * (2 if self.whole == "centred" else 1)


@dataclass(frozen=True)
class TextConfig:
    """The side of the sentences.

    encoder: "minilm" has frozen token states of the packaged sentence encoder; "bert" tunes the encoder in the folder
    `weights` at a tenth of the rate; "bigru" learns its own words, from packaged static vectors where word_vectors.
    width: of the encoder's states. convolutions: DIME's three over frozen states. min_count: of a vocabulary's word.
    """

    encoder: Literal["minilm", "bert", "bigru"] = "minilm"
    width: int = 384
    max_words: int = 32
    dropout: float = 0.0
    weights: str = ""
    word_width: int = 300
    word_vectors: bool = False
    min_count: int = 2
    convolutions: bool = False


@dataclass(frozen=True)
class ObjectiveConfig:
    """What training minimises.

    loss: "hinge" is the papers', sums over violating pairs; "contrastive" a softmax at `temperature` both ways.
    mining: "hardest" after `warm_up_epochs` of the sum form, "sum" for noisy sentences throughout.
    mask_same_image: two sentences of one image are no negatives of each other; False is the papers' form.
    global_weight: of the global vectors' loss beside the pairs'. pair_negatives: how many of an image's and of a
        sentence's hardest negatives by the global vectors are scored as pairs; 0 scores every pair of the batch.
    """

    loss: Literal["hinge", "contrastive"] = "hinge"
    margin: float = 0.2
    temperature: float = 0.05
    mining: Literal["hardest", "sum"] = "hardest"
    warm_up_epochs: int = 1
    mask_same_image: bool = True
    global_weight: float = 1.0
    pair_negatives: int = 0
    region_drop: float = 0.2
    word_change: float = 0.2


@dataclass(frozen=True)
class StageConfig:
    """The schedule.

    sentences_per_image: how many of an image's sentences come with it into a batch; 0 draws sentences, each with its
        image, as the papers do. skip_rate: the skip's share of the learning rate, 0 keeps it as it started.
    """

    epochs: int = 25
    batch_images: int = 64
    sentences_per_image: int = 5
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    warmup_steps: int = 20
    final_learning_rate_share: float = 0.1
    clip_norm: float = 2.0
    patience_epochs: int = 8
    skip_rate: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class ImageTextConfig:
    """Everything that training depends on, saved inside the checkpoint."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    text: TextConfig = field(default_factory=TextConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    stage: StageConfig = field(default_factory=StageConfig)

    def __post_init__(self) -> None:
        if self.network.architecture == "hire" and self.network.dim % self.network.heads:
            raise ValueError(f"expected heads to divide dim {self.network.dim}, got {self.network.heads}")
        if self.network.architecture != "3shnet" and self.network.visual == "grid":
            raise ValueError("expected visual = 'region' for cmsei and hire, whose relations are between regions")
        if (self.network.skip or self.network.architecture == "linear") and self.text.encoder != "minilm":
            raise ValueError("expected text.encoder = 'minilm' for a skip or a linear matcher, which read its vectors")
        if self.text.encoder == "bert" and not self.text.weights:
            raise ValueError("expected text.weights, the folder of the encoder to tune, for encoder = 'bert'")

    def to_json(self) -> str:
        """The whole configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "ImageTextConfig":
        """The reverse of `to_json`."""
        return config_from_mapping(json.loads(text))


def load_config(path: Path) -> ImageTextConfig:
    """Read a TOML file; unknown sections or keys and values of the wrong type raise ValueError."""
    return read_configuration(path, ImageTextConfig())


def config_from_mapping(mapping: Mapping[str, Any]) -> ImageTextConfig:
    """Build the configuration from plain nested mappings; see `load_config`."""
    return configuration_from(mapping, ImageTextConfig())
