"""Network: geometry and two class names -> a score for each predicate."""

from itertools import pairwise

from torch import Tensor, nn

from model.vision.relation_head.geometry import WIDTH as GEOMETRY_WIDTH
from model.vision.word_vectors import WIDTH as WORD_WIDTH

INPUT_WIDTH = GEOMETRY_WIDTH + 2 * WORD_WIDTH


class RelationHead(nn.Module):
    """A perceptron: [R, 15 + 256 + 256] (geometry, subject, object) -> logits [R, predicates]."""

    def __init__(self, hidden: tuple[int, ...], num_predicates: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, next_width in pairwise((INPUT_WIDTH, *hidden)):
            layers += [nn.Linear(width, next_width), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], num_predicates))

    def forward(self, pairs: Tensor) -> Tensor:
        logits: Tensor = self.layers(pairs)
        return logits

    def linear_layers(self) -> list[nn.Linear]:
        """Its linear layers from input to output."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]
