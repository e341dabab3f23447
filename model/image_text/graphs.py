"""The two explicit graphs between regions, where they lie and what was said of them, and reasoning along them."""

import torch
from torch import Tensor, nn

from model.image_text.projections import linear

SPATIAL_THRESHOLD = 0.4
SEMANTIC_THRESHOLD = 0.3
POLAR_KERNELS = 8


def overlaps(boxes: Tensor) -> Tensor:
    """IoU of every pair of boxes. boxes: [B, N, 4], x0 y0 x1 y1. Returns [B, N, N]; 0 where a box has no area."""
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=3)
    areas = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=2)
    union = areas[:, :, None] + areas[:, None, :] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-12), 0.0)


def spatial_edges(boxes: Tensor, mask: Tensor, threshold: float = SPATIAL_THRESHOLD) -> Tensor:
    """E_ij = IoU(b_i, b_j) where it reaches the threshold and i != j, else 0. mask: bool [B, N]. [B, N, N]."""
    shared = overlaps(boxes)
    others = ~torch.eye(boxes.shape[1], dtype=torch.bool, device=boxes.device)
    kept = (shared >= threshold) & others & mask[:, :, None] & mask[:, None, :]
    return shared * kept


def semantic_edges(
    relations: Tensor, scores: Tensor, num_regions: int, threshold: float = SEMANTIC_THRESHOLD
) -> Tensor:
    """E_ij = the best score of a predicate between i and j where it reaches the threshold, made symmetric.

    relations: int [B, R, 3], rows (subject, predicate, object); scores: [B, R], 0 in padding. Returns [B, N, N].
    """
    pairs = relations[:, :, 0] * num_regions + relations[:, :, 2]
    kept = torch.where((scores >= threshold) & (relations[:, :, 0] != relations[:, :, 2]), scores, 0.0)
    flat = scores.new_zeros(len(scores), num_regions * num_regions)
    edges = flat.scatter_reduce(1, pairs, kept, reduce="amax").unflatten(1, (num_regions, num_regions))
    return torch.maximum(edges, edges.transpose(1, 2))


def normalised(edges: Tensor) -> Tensor:
    """A = Deg^(-1/2) (E + I) Deg^(-1/2): the identity where there is no edge. [B, N, N]."""
    adjacency = edges + torch.eye(edges.shape[1], device=edges.device, dtype=edges.dtype)
    scale = adjacency.sum(dim=2).rsqrt()
    return scale[:, :, None] * adjacency * scale[:, None, :]


class PolarEdges(nn.Module):
    """Learned weights of the directions and distances between box centres, normalised over neighbours (GSMN)."""

    def __init__(self, num_kernels: int = POLAR_KERNELS) -> None:
        super().__init__()
        self.distance = nn.Parameter(torch.linspace(0.0, 1.0, num_kernels))
        self.angle = nn.Parameter(torch.linspace(-torch.pi, torch.pi, num_kernels + 1)[:-1].clone())
        self.precisions = nn.Parameter(torch.ones(2, num_kernels))

    def forward(self, boxes: Tensor, mask: Tensor) -> Tensor:
        """boxes: [B, N, 4]; mask: bool [B, N]. Returns weights [B, N, N], rows of valid regions sum to 1.

        Deviates: the kernels are averaged into one graph, because the reasoning layers take one adjacency.
        """
        centres = (boxes[..., :2] + boxes[..., 2:]) / 2
        offset = centres[:, :, None] - centres[:, None, :]
        distance = (offset.square().sum(dim=3) + 1e-12).sqrt()[..., None] - self.distance
        turn = torch.atan2(offset[..., 0], offset[..., 1])[..., None] - self.angle
        turn = torch.remainder(turn + torch.pi, 2 * torch.pi) - torch.pi
        near, along = self.precisions.square()
        weights = torch.exp(-0.5 * (near * distance.square() + along * turn.square()))
        valid = (mask[:, :, None] & mask[:, None, :])[..., None]
        weights = weights * valid
        return (weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-12)).mean(dim=3)


class GraphReasoning(nn.Module):
    """V^(l+1) = V^(l) + ReLU(W^(l) A V^(l) + b^(l)), the residual graph convolution of VSRN."""

    def __init__(self, dim: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(dim, dim) for _ in range(num_layers))

    def forward(self, regions: Tensor, adjacency: Tensor) -> Tensor:
        """regions: [B, N, D]; adjacency: [B, N, N], normalised."""
        for layer in self.layers:
            regions = regions + torch.relu(layer(adjacency @ regions))
        return regions


class RelationReasoning(nn.Module):
    """V^ss = V + W_f [V^spa || V^sem] + b_f over the spatial and the semantic graph."""

    def __init__(self, dim: int, num_layers: int = 2, rule: str = "iou") -> None:
        super().__init__()
        self.polar = PolarEdges() if rule == "polar" else None
        self.spatial = GraphReasoning(dim, num_layers)
        self.semantic = GraphReasoning(dim, num_layers)
        self.fuse = linear(2 * dim, dim)

    def forward(self, regions: Tensor, mask: Tensor, boxes: Tensor, relations: Tensor, scores: Tensor) -> Tensor:
        """regions: [B, N, D]; mask: bool [B, N]; boxes: [B, N, 4]; relations: [B, R, 3]; scores: [B, R]."""
        spatial = normalised(spatial_edges(boxes, mask)) if self.polar is None else self.polar(boxes, mask)
        semantic = normalised(semantic_edges(relations, scores, regions.shape[1]))
        both = torch.cat([self.spatial(regions, spatial), self.semantic(regions, semantic)], dim=2)
        return regions + self.fuse(both)
