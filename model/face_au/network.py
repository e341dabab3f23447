"""MGRR-Net (arXiv 2204.01349): one face -> a logit for every action unit, and 49 landmarks.

Deviates: one logit and a sigmoid for each action unit instead of two and a softmax, which say the same; the layer's
equations are written down in graphs.py, for the paper's text gives them in words only.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.face_au.action_units import NUM_LANDMARKS, au_centres
from model.face_au.config import NetworkConfig
from model.face_au.graphs import MultiLevelLayer
from model.face_au.stem import Extractor, MapRefiner, MultiScaleRegions, centre_maps


class FaceReading(NamedTuple):
    """logits [B, N]; branch_logits [B, N], from the nodes before any exchange; landmarks [B, 49, 2], shares of the
    image's sides; maps [B, N, s, s] in 0..1, empty [B, 0, s, s] without the local level."""

    logits: Tensor
    branch_logits: Tensor
    landmarks: Tensor
    maps: Tensor


class PerUnitLinear(nn.Module):
    """A linear map of its own for each action unit: [B, N, F] -> [B, N, d]."""

    def __init__(self, num_units: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(num_units, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(num_units, outputs))

    def forward(self, features: Tensor) -> Tensor:
        return torch.einsum("bnf,nfd->bnd", features, self.weight) + self.bias


class MgrrNet(nn.Module):
    """prior: [N, N] P(AU_j | AU_i) and mean_landmarks: [49, 2], both of the training part, kept with the weights."""

    prior: Tensor
    mean_landmarks: Tensor

    def __init__(self, config: NetworkConfig, prior: Tensor, mean_landmarks: Tensor) -> None:
        super().__init__()
        num_units, features = len(config.aus), config.stem_widths[-1]
        if prior.shape != (num_units, num_units) or mean_landmarks.shape != (NUM_LANDMARKS, 2):
            raise ValueError(
                f"expected prior [{num_units}, {num_units}] and mean_landmarks [{NUM_LANDMARKS}, 2], "
                f"got {list(prior.shape)}, {list(mean_landmarks.shape)}"
            )
        self.config = config
        self.register_buffer("prior", prior.clone())
        self.register_buffer("mean_landmarks", mean_landmarks.clone())
        self.stem = nn.Sequential(
            MultiScaleRegions(config.colour_channels, config.stem_widths[0], config.stem_grids),
            MultiScaleRegions(config.stem_widths[0], features, config.stem_grids),
        )
        extracted = config.extractor_widths[-1] * config.extractor_px**2
        self.alignment = nn.Sequential(
            self._extractor(),
            nn.Flatten(),
            nn.Linear(extracted, config.alignment_width),
            nn.ReLU(inplace=True),
            nn.Linear(config.alignment_width, 2 * NUM_LANDMARKS),
        )
        whole = config.pixel_graph or config.channel_graph or not config.local
        self.whole_face = self._extractor() if whole else None
        if config.local:
            self.refiners = nn.ModuleList(MapRefiner(config.map_width) for _ in config.aus)
            self.branches = nn.ModuleList(self._extractor() for _ in config.aus)
        self.dropout = nn.Dropout(config.dropout)
        self.nodes = PerUnitLinear(num_units, extracted, config.width)
        self.branch_head = PerUnitLinear(num_units, config.width, 1)
        self.head = PerUnitLinear(num_units, config.width, 1)
        self.pixel_nodes = nn.Linear(config.extractor_widths[-1], config.width) if config.pixel_graph else None
        self.channel_nodes = nn.Linear(config.extractor_px**2, config.width) if config.channel_graph else None
        levels = config.region_graph or config.pixel_graph or config.channel_graph
        self.layers = nn.ModuleList(
            MultiLevelLayer(
                config.width,
                config.num_heads,
                config.score,
                region_graph=config.region_graph,
                pixel_graph=config.pixel_graph,
                channel_graph=config.channel_graph,
            )
            for _ in range(config.num_layers if levels else 0)
        )

    def forward(self, images: Tensor) -> FaceReading:
        """images: [B, C, S, S] in -1..1."""
        features = self.stem(images)
        landmarks = self.mean_landmarks + self.alignment(features).unflatten(1, (NUM_LANDMARKS, 2))
        whole = None if self.whole_face is None else self.whole_face(features)
        if self.config.local:
            # Detached: the landmarks are to be right, not convenient for the maps.
            maps = self.attention_maps(landmarks.detach())
            seen = [branch(features * maps[:, i : i + 1]) for i, branch in enumerate(self.branches)]
            regions = torch.stack([one.flatten(1) for one in seen], dim=1)
        else:
            assert whole is not None
            maps = features.new_empty(len(features), 0, *features.shape[2:])
            regions = whole.flatten(1)[:, None].expand(-1, len(self.config.aus), -1)
        nodes = self.nodes(self.dropout(regions))
        branch_logits = self.branch_head(nodes).squeeze(-1)
        pixels = (
            None if self.pixel_nodes is None or whole is None else self.pixel_nodes(whole.flatten(2).transpose(1, 2))
        )
        channels = None if self.channel_nodes is None or whole is None else self.channel_nodes(whole.flatten(2))
        for layer in self.layers:
            nodes = layer(nodes, self.prior, pixels, channels)
        return FaceReading(self.head(nodes).squeeze(-1), branch_logits, landmarks, maps)

    def attention_maps(self, landmarks: Tensor) -> Tensor:
        """landmarks [B, 49, 2] -> where each action unit is looked for, [B, N, s, s] in 0..1."""
        centres = au_centres(landmarks, self.config.aus)
        priors = centre_maps(centres, self.config.feature_px)
        return torch.cat([refiner(priors[:, i : i + 1]) for i, refiner in enumerate(self.refiners)], dim=1)

    def _extractor(self) -> Extractor:
        config = self.config
        return Extractor(config.stem_widths[-1], config.extractor_widths, config.convolutions_per_block, config.halving)
