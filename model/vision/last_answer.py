"""Last answer: several parts ask one network about one image, one after the other; it is run once."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from model.vision.image import Image

T = TypeVar("T")


class LastAnswer(Generic[T]):
    """What `compute` said of the last image, kept for each thread."""

    def __init__(self, compute: Callable[[Image], T]) -> None:
        self._compute = compute
        self._kept = threading.local()

    def of(self, image: Image) -> T:
        """The answer about this image."""
        kept: tuple[str, T] | None = getattr(self._kept, "answer", None)
        if kept is None or kept[0] != image.sha256:
            kept = (image.sha256, self._compute(image))
            self._kept.answer = kept
        return kept[1]
