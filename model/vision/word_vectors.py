"""Word vectors: static vectors of class names out of the package wordllama."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

WIDTH = 256
# Long enough to be learned from beside numbers of size 1, short enough that training does not know names by heart.
LENGTH = 4


def word_vectors(names: Sequence[str]) -> np.ndarray:
    """[len(names), 256] float32 of length 4, the direction of the mean over a name's pieces.

    Needs the extra `vision`; reads the weights inside the package and never the network.
    """
    import wordllama

    vectors = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    embedded = np.asarray(vectors.embed(list(names), norm=True), np.float32)
    return embedded * np.float32(LENGTH)
