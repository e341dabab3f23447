"""The vocabulary of a model that learns words by itself."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from model.image_text.text_batch import TextBatch, check_texts, padded_ids

PADDING, UNKNOWN, MASK = range(3)
SPECIAL = ("<padding>", "<unknown>", "<mask>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class Vocabulary:
    """Lower-cased words -> ids; the first three are special. Raises ValueError for a text without any word."""

    def __init__(self, words: Sequence[str], max_words: int) -> None:
        self.words = (*SPECIAL, *words)
        self.ids = {word: number for number, word in enumerate(self.words)}
        self.max_words = max_words
        digest = hashlib.sha256(json.dumps(self.words).encode()).hexdigest()
        self.reader_id = f"words-{max_words}-{digest[:16]}"

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, texts: Iterable[str], min_count: int, max_words: int) -> "Vocabulary":
        """The words that stand in the texts at least min_count times, in alphabetical order."""
        counts = Counter(word for text in texts for word in words_of(text))
        return cls(sorted(word for word, count in counts.items() if count >= min_count), max_words)

    def read(self, texts: Sequence[str]) -> TextBatch:
        """Ids of the words; those that are not in the vocabulary share one id."""
        check_texts(texts)
        rows = [[self.ids.get(word, UNKNOWN) for word in self.tokens(text)] for text in texts]
        ids, mask = padded_ids(rows, PADDING)
        return TextBatch(mask, ids=ids)

    def tokens(self, text: str) -> tuple[str, ...]:
        """The words themselves."""
        words = words_of(text)[: self.max_words]
        if not words:
            raise ValueError(f"expected a text with a word in it, got {text!r:.80}")
        return tuple(words)


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased; an apostrophe inside a word stays."""
    return _WORD.findall(text.lower())
