"""A published matcher as the service uses it; importing this loads no training code."""

from dataclasses import dataclass
from pathlib import Path

from model.image_text.inputs import ImageInputs
from model.image_text.matching import EmbeddingMatcher, Explanation, PairScorer, PreparedImage, PreparedText

__all__ = [
    "EmbeddingMatcher",
    "Explanation",
    "ImageInputs",
    "Matchers",
    "PairScorer",
    "PreparedImage",
    "PreparedText",
    "load_matchers",
]


@dataclass(frozen=True)
class Matchers:
    """What a release of kind image-text holds.

    scorer: None where the release has none. alpha: the weight of the scorer in z(s1) + alpha z(s2), chosen on the
    validation part.
    """

    embedder: EmbeddingMatcher
    scorer: PairScorer | None
    alpha: float
    feature_space: str


def load_matchers(release: Path, feature_space: str | None = None, num_threads: int = 1) -> Matchers:
    """Load a verified release; ValueError where it was trained on another feature space than the one expected."""
    raise NotImplementedError(release, feature_space, num_threads)
