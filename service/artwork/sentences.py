"""KnownSentences: what the networks made of sentences that were asked for before."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Encoded = TypeVar("Encoded")
# A prepared sentence of 32 words and 256 numbers each is 32 KiB.
MAX_KEPT = 1_024


class KnownSentences(Generic[Encoded]):
    """Encoding a sentence costs more than the search for it; the least recently asked go first. For many threads."""

    def __init__(self, encode: Callable[[str], Encoded], max_kept: int = MAX_KEPT) -> None:
        self._encode = encode
        self._max_kept = max_kept
        self._kept: OrderedDict[Hashable, Encoded] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, sentence: str) -> Encoded:
        """What is kept of a sentence, or made now; raises what the encoder raises."""
        with self._lock:
            if sentence in self._kept:
                self._kept.move_to_end(sentence)
                return self._kept[sentence]
        encoded = self._encode(sentence)
        with self._lock:
            self._kept[sentence] = encoded
            if len(self._kept) > self._max_kept:
                self._kept.popitem(last=False)
        return encoded
