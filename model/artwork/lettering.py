"""Lettering: the text read off covers, and how much of a sentence is found in it."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

GRAM = 3
# A code point has 21 bits: three of them are one number, exactly.
_CODE_POINT_BITS = 21
# Less of a sentence than this on a cover is chance: common syllables.
MIN_SCORE = 0.2


def folded(text: str) -> str:
    """Lower case, without accents and without anything but letters and digits between single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(one if one.isalnum() else " " for one in plain if not unicodedata.combining(one))
    return " ".join(kept.split())


def grams(text: str) -> np.ndarray:
    """int64, ascending and unique: the trigrams of each word of a text, with a space before and behind the word."""
    found = set()
    for word in folded(text).split():
        padded = f" {word} "
        found |= {_number(padded[at : at + GRAM]) for at in range(len(padded) - GRAM + 1)}
    return np.array(sorted(found), dtype=np.int64)


def _number(gram: str) -> int:
    number = 0
    for character in gram:
        number = number << _CODE_POINT_BITS | ord(character)
    return number


class Lettering:
    """Trigram -> covers whose text has it.

    The score of a cover is the share of the sentence's trigrams in its text, each weighted by how rare it is:
    sum over g in both of idf(g) / sum over g in the sentence of idf(g), idf(g) = log((V + 1) / (df(g) + 1)) + 1.
    """

    def __init__(self, num_covers: int, arrays: Mapping[str, np.ndarray]) -> None:
        """arrays: what `arrays()` of an equal one gave; they may be memory-mapped."""
        self._num_covers = num_covers
        self._grams, self._ends, self._rows = (np.asarray(arrays[name]) for name in ("grams", "ends", "rows"))
        if self._ends.shape != (len(self._grams) + 1,) or self._rows.shape != (int(self._ends[-1]),):
            shapes = [list(array.shape) for array in (self._grams, self._ends, self._rows)]
            raise ValueError(f"expected an end for each trigram and as many rows as they say, got shapes {shapes}")

    @classmethod
    def of(cls, texts: Sequence[Iterable[str]]) -> "Lettering":
        """From the lines of each cover."""
        own = [grams(" ".join(lines)) for lines in texts]
        rows = np.repeat(np.arange(len(own), dtype=np.int32), [len(one) for one in own])
        numbers = np.concatenate(own) if own else np.zeros(0, dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        unique, counts = np.unique(numbers, return_counts=True)
        ends = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        return cls(len(own), {"grams": unique, "ends": ends, "rows": rows[order]})

    def arrays(self) -> dict[str, np.ndarray]:
        """grams int64 [G], ascending; ends int64 [G + 1]; rows int32: gram g is in rows[ends[g] : ends[g + 1]]."""
        return {"grams": self._grams, "ends": self._ends, "rows": self._rows}

    def scores(self, sentence: str) -> np.ndarray:
        """float64 [V], 0 to 1."""
        asked = grams(sentence)
        found = np.zeros(self._num_covers)
        if not len(asked):
            return found
        if not len(self._grams):
            return found
        # By halving: to look for both in one sorted array would sort all trigrams there are for every sentence.
        places = np.searchsorted(self._grams, asked).clip(max=len(self._grams) - 1)
        places = places[self._grams[places] == asked]
        starts, stops = self._ends[places], self._ends[places + 1]
        total = (len(asked) - len(starts)) * self._idf(0)
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            weight = self._idf(stop - start)
            total += weight
            # At rows of the machine's own width, twice as fast as adding by a fancy index or by rows of 32 bits.
            np.add.at(found, self._rows[start:stop].astype(np.intp), weight)
        return found / total

    def _idf(self, covers_with_it: int) -> float:
        return float(np.log((self._num_covers + 1) / (covers_with_it + 1))) + 1


def written_share(sentence: str, lines: Iterable[str]) -> float:
    """Share of a sentence's trigrams in the lines of one cover, all weighing the same: there is nothing to compare."""
    asked = grams(sentence)
    return float(np.isin(asked, grams(" ".join(lines))).mean()) if len(asked) else 0.0
