"""Vocabulary: the words that the decoder writes, each with a number."""

from collections.abc import Sequence

from model.face_description.grammar import vocabulary, words

PAD, START, END, UNKNOWN = 0, 1, 2, 3
RESERVED = ("<pad>", "<start>", "<end>", "<unknown>")


class Vocabulary:
    """The words that the decoder writes, each with a number."""

    def __init__(self, known: Sequence[str]) -> None:
        """known: RESERVED first."""
        self.words = tuple(known)
        self._number = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def of_grammar(cls) -> "Vocabulary":
        """All words of the wordings that training sees."""
        return cls((*RESERVED, *vocabulary()))

    def __len__(self) -> int:
        return len(self.words)

    def number(self, word: str) -> int:
        """UNKNOWN for a word that the decoder cannot write."""
        return self._number.get(word, UNKNOWN)

    def encode(self, text: str) -> list[int]:
        """With START before and END behind."""
        return [START, *map(self.number, words(text)), END]

    def decode(self, numbers: Sequence[int]) -> list[str]:
        """The words up to END, without what is reserved."""
        found = []
        for number in numbers:
            if number == END:
                break
            if number >= len(RESERVED):
                found.append(self.words[number])
        return found
