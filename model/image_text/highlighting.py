"""VSeM and VSpM of 3SHNet (arXiv 2404.17273): what segmentation says of salient objects and of their places."""

import math

import torch
from torch import Tensor, nn

from model.image_text.pooling import rank_encoding
from model.image_text.projections import ClassEmbedding, NormedMlp, linear

KEY_WIDTH = 128
PLACE_WIDTH = 8
SPATIAL_TEMPERATURE = 4.0


class SemanticHighlight(nn.Module):
    """VSeM: a gate per region from the segmentation's class scores.

    r_i = x_i + MLP(x_i), q = EMB(mean of seg_sem), q += MLP(q), a_i = sigmoid(r_i . q / sqrt(D)),
    y_i = ReLU(W_1(a_i r_i * tanh(W_s(a_i r_i)) + m_i q)).
    """

    def __init__(self, dim: int, num_classes: int, unused_norms: bool = False) -> None:
        super().__init__()
        self.region = NormedMlp(dim, dim // 2, dim, unused_norms)
        self.embed = ClassEmbedding(num_classes, dim)
        self.classes = NormedMlp(dim, dim // 2, dim, unused_norms)
        self.gate = linear(dim, dim)
        self.out = linear(dim, dim)

    def forward(self, regions: Tensor, mask: Tensor, seg_sem: Tensor) -> Tensor:
        """regions: [B, N, D]; mask: bool [B, N]; seg_sem: [B, classes, h, w]. Returns [B, N, D]."""
        rows = regions + self.region(regions)
        query = self.embed(seg_sem.flatten(2).mean(dim=2))
        query = query + self.classes(query)
        attention = torch.einsum("bnd,bd->bn", rows, query).div(math.sqrt(rows.shape[2])).sigmoid().mul(mask)
        weighted = attention[:, :, None] * rows
        shared = mask[:, :, None] * query[:, None]
        return torch.relu(self.out(weighted * torch.tanh(self.gate(weighted)) + shared))


class SpatialHighlight(nn.Module):
    """VSpM: every region attends to the cells of the segmentation map.

    p_i = MLP(x_i), K = ReLU(BN(Conv3x3([map, code of the cell]))), A_i = softmax(4 p_i . K / sqrt(128)),
    z_i = MLP(m_i sum_u A_iu K_u + p_i).
    """

    def __init__(self, dim: int, unused_norms: bool = False) -> None:
        super().__init__()
        self.query = NormedMlp(dim, dim // 2, KEY_WIDTH, unused_norms)
        self.cells = nn.Conv2d(1 + PLACE_WIDTH, KEY_WIDTH, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(KEY_WIDTH)
        self.out = NormedMlp(KEY_WIDTH, dim // 2, dim, unused_norms)

    def keys(self, seg_map: Tensor) -> Tensor:
        """What there is at each cell: [B, m, m] -> [B, 128, m * m]."""
        side = seg_map.shape[1]
        places = rank_encoding(side * side, PLACE_WIDTH).to(seg_map).T.reshape(1, PLACE_WIDTH, side, side)
        image = torch.cat([seg_map[:, None], places.expand(len(seg_map), -1, -1, -1)], dim=1)
        return torch.relu(self.norm(self.cells(image))).flatten(2)

    def forward(self, regions: Tensor, mask: Tensor, seg_map: Tensor) -> Tensor:
        """regions: [B, N, D]; mask: bool [B, N]; seg_map: float [B, m, m]. Returns [B, N, D]."""
        queries, keys = self.query(regions), self.keys(seg_map)
        attention = (SPATIAL_TEMPERATURE * (queries @ keys) / math.sqrt(KEY_WIDTH)).softmax(dim=2)
        seen = attention @ keys.transpose(1, 2)
        return self.out(mask[:, :, None] * seen + queries)
