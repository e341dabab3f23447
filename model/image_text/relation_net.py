"""CMSEI (arXiv 2210.08908) and Hire (arXiv 2406.18579): relations between regions, then both sides rewritten as a pair.

Neither has published code: what is not in their abstracts follows DIME and VSRN, as told at each part.
"""

import torch
from torch import Tensor, nn

from model.image_text.graphs import RelationReasoning
from model.image_text.interaction import REGIONS_PER_WORD, WORDS_PER_REGION, InteractiveSide, Side
from model.image_text.projections import linear

FEED_FORWARD_WIDTH = 512


class RelationNet(nn.Module):
    """Regions and words -> s(I, T) = (I~(T) . ebar + T~(I) . vbar) / 2.

    implicit: Hire's self-attention over all regions, before the explicit graphs; False is CMSEI.
    graphs: the explicit spatial and semantic graphs; False leaves them out.
    direction: "i2t" scores by the rewritten image alone, "t2i" by the rewritten sentence, "both" by their mean.
    """

    def __init__(
        self,
        width: int,
        dim: int,
        *,
        implicit: bool,
        graphs: bool = True,
        graph_layers: int = 2,
        spatial_rule: str = "iou",
        heads: int = 16,
        direction: str = "both",
    ) -> None:
        super().__init__()
        self.project = linear(width, dim)
        self.implicit = implicit_layer(dim, heads) if implicit else None
        self.explicit = RelationReasoning(dim, graph_layers, spatial_rule) if graphs else None
        self.image_side = InteractiveSide(dim, WORDS_PER_REGION) if direction != "t2i" else None
        self.text_side = InteractiveSide(dim, REGIONS_PER_WORD) if direction != "i2t" else None

    def regions(self, features: Tensor, mask: Tensor, boxes: Tensor, relations: Tensor, scores: Tensor) -> Tensor:
        """V^ss, which no sentence changes. features: [B, N, width]; the others as in RelationReasoning. [B, N, dim]."""
        rows = self.project(features)
        if self.implicit is not None:
            rows = self.implicit(rows, src_key_padding_mask=~mask)
        if self.explicit is not None:
            rows = self.explicit(rows, mask, boxes, relations, scores)
        return rows

    def score(self, image: Side, text: Side, image_index: Tensor, text_index: Tensor) -> Tensor:
        """s of the pairs (image_index[p], text_index[p]): [P]."""
        terms = []
        if self.image_side is not None:
            rewritten = self.image_side(image, text, image_index, text_index)
            terms.append((rewritten * text.overall[text_index]).sum(dim=1))
        if self.text_side is not None:
            rewritten = self.text_side(text, image, text_index, image_index)
            terms.append((rewritten * image.overall[image_index]).sum(dim=1))
        return torch.stack(terms).mean(dim=0)


def implicit_layer(dim: int, heads: int) -> nn.TransformerEncoderLayer:
    """Self-attention and feed-forward with residuals, norms first, without dropout."""
    return nn.TransformerEncoderLayer(dim, heads, FEED_FORWARD_WIDTH, dropout=0.0, batch_first=True, norm_first=True)
