"""Vocabulary: strings of a log -> rows of a table, in the order of their first appearance."""

from collections.abc import Iterable

import numpy as np
import polars as pl

UNKNOWN = -1


class Vocabulary:
    """Grows by what `learn` sees; `rows` never changes it."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._row_of: dict[str, int] = {}
        self.learn(words)

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def words(self) -> list[str]:
        """Every word, in the order of the rows."""
        return list(self._row_of)

    def learn(self, words: Iterable[str]) -> np.ndarray:
        """int64 [N]: the row of every word, new ones added."""
        row_of = self._row_of
        return np.fromiter((row_of.setdefault(word, len(row_of)) for word in words), dtype=np.int64)

    def rows(self, words: Iterable[str]) -> np.ndarray:
        """int64 [N]: the row of every word, UNKNOWN for one that was never learned."""
        return np.fromiter((self._row_of.get(word, UNKNOWN) for word in words), dtype=np.int64)


class Coded:
    """A column of strings as distinct words and int64 [N] codes into them."""

    def __init__(self, column: pl.Series) -> None:
        vocabulary = Vocabulary()
        self.codes = vocabulary.learn(column.to_list())
        self.words = vocabulary.words
