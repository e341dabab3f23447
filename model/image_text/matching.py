"""The two interfaces of a matcher: EmbeddingMatcher is indexed, PairScorer re-ranks what the index found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.image_text.inputs import ImageInputs


class EmbeddingMatcher(Protocol):
    """s(I, T) = encode_images(I) . encode_texts(T): separable, so that a library of covers is one index.

    model_id: names architecture and weights, changes with either. dim: d. feature_space: the only one it takes.
    Both methods return float32 [n, dim] with rows of norm 1 and raise ValueError for another feature space, a missing
    field or an empty text. Safe to call from several threads.
    """

    model_id: str
    dim: int
    feature_space: str

    def encode_images(self, images: Sequence[ImageInputs]) -> np.ndarray: ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class PreparedImage:
    """What a PairScorer keeps of an image whatever the sentence. regions: float32 [N, D]; overall: float32 [D]."""

    regions: np.ndarray
    overall: np.ndarray


@dataclass(frozen=True)
class PreparedText:
    """What a PairScorer keeps of a sentence whatever the image. words: float32 [L, D]; overall: float32 [D]."""

    words: np.ndarray
    overall: np.ndarray
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Which words spoke to which region. attention: float32 [N, L], rows sum to 1 (words seen by a region)."""

    score: float
    tokens: tuple[str, ...]
    attention: np.ndarray


class PairScorer(Protocol):
    """s(I, T) of a pair, which no inner product of two vectors gives; see model_id and feature_space above.

    score returns float32 [images, texts]; no entry depends on what else is asked in the same call, so that a caller may
    cut the work into chunks and stop at a deadline.
    """

    model_id: str
    feature_space: str

    def prepare_images(self, images: Sequence[ImageInputs]) -> list[PreparedImage]: ...

    def prepare_texts(self, texts: Sequence[str]) -> list[PreparedText]: ...

    def score(self, images: Sequence[PreparedImage], texts: Sequence[PreparedText]) -> np.ndarray: ...

    def explain(self, image: PreparedImage, text: PreparedText) -> Explanation: ...
