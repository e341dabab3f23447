"""The image tower of 3SHNet (arXiv 2404.17273): regions or grid cells, highlighted by segmentation, then pooled."""

import torch
from torch import Tensor, nn

from model.image_text.highlighting import SemanticHighlight, SpatialHighlight
from model.image_text.pooling import GeneralisedPooling
from model.image_text.projections import ClassEmbedding, NormedMlp, linear


class ThreeShNet(nn.Module):
    """A set of visual tokens and a segmentation -> one vector, not normalised.

    segmentation False leaves out everything that reads it: both highlights and the tokens of cells and classes.
    unused_norms True has the parameter count of the published region model: 11,615,008 at dim 1024 and width 2048.
    """

    def __init__(
        self, width: int, dim: int, num_classes: int, *, segmentation: bool = True, unused_norms: bool = False
    ) -> None:
        super().__init__()
        self.project = linear(width, dim)
        self.residual = NormedMlp(width, dim // 2, dim, unused_norms)
        self.fuse = NormedMlp(dim, dim // 2, dim, unused_norms)
        self.pool = GeneralisedPooling()
        self.segmentation = segmentation
        if segmentation:
            self.semantic = SemanticHighlight(dim, num_classes, unused_norms)
            self.spatial = SpatialHighlight(dim, unused_norms)
            self.embed_cell = ClassEmbedding(num_classes, dim)
            self.cell = NormedMlp(dim, dim // 2, dim, unused_norms)
            self.embed_category = ClassEmbedding(num_classes, dim)

    def forward(self, features: Tensor, mask: Tensor, seg_sem: Tensor, seg_map: Tensor, seg_cat: Tensor) -> Tensor:
        """features: [B, N, width]; mask: bool [B, N]; the others as in ImageInputs, batched. Returns [B, dim].

        The tokens are {c} + {x'_i} + {h_i} + {g_u}: 2N + 50 with a 7 x 7 segmentation.
        """
        plain = self.project(features)
        regions = plain + self.residual(features)
        if not self.segmentation:
            highlighted = self.fuse(plain + regions)
            return self.pool(torch.cat([regions, highlighted], dim=1), torch.cat([mask, mask], dim=1))
        highlights = self.semantic(plain, mask, seg_sem) + self.spatial(plain, mask, seg_map)
        cells = self.embed_cell(seg_sem.flatten(2).transpose(1, 2))
        cells = cells + self.cell(cells)
        category = self.embed_category(seg_cat)[:, None]
        tokens = torch.cat([category, regions, self.fuse(highlights + regions), cells], dim=1)
        always = mask.new_ones(len(mask), 1)
        return self.pool(tokens, torch.cat([always, mask, mask, always.expand(-1, cells.shape[1])], dim=1))
