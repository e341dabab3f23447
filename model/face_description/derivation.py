"""Derivation: the words with which a text that says given labels may go on.

Deviates: the decoder does not write freely but chooses among the grammar's wordings of what the heads decided, because
a description must not claim what no threshold let through.
"""

from collections.abc import Iterator
from functools import cached_property

from model.face_description.grammar import Choice, Script, script
from model.face_description.labels import Labels
from model.face_description.vocabulary import END, UNKNOWN, Vocabulary


class Derivation:
    """How far a text has come in a script: what may follow in each way to read it."""

    def __init__(self, rests: tuple[Script, ...], words: Vocabulary) -> None:
        """rests: a whole script at the beginning of a text, none where it has left every way."""
        self._rests, self._words = rests, words

    @classmethod
    def of(cls, labels: Labels, place: str, words: Vocabulary) -> "Derivation":
        """Before the first word of a text about a place."""
        return cls((script(labels, place),), words)

    @property
    def allowed(self) -> list[int]:
        """Numbers of the words that may come next; END where the text may be over."""
        return list(self._next)

    def after(self, word: int) -> "Derivation":
        """With one word more; nothing is allowed after one that was not."""
        return Derivation(tuple(self._next.get(word, ())), self._words)

    @cached_property
    def _next(self) -> dict[int, list[Script]]:
        found: dict[int, list[Script]] = {}
        for rest in self._rests:
            for word, behind in _first_words(rest):
                number = END if word is None else self._words.number(word)
                if number != UNKNOWN:
                    found.setdefault(number, []).append(behind)
        return found


def _first_words(rest: Script) -> Iterator[tuple[str | None, Script]]:
    """Each word that a script may begin with and what comes behind it; None for the end."""
    open_rests = [rest]
    while open_rests:
        current = open_rests.pop()
        if not current:
            yield None, ()
        elif isinstance(current[0], Choice):
            open_rests += [option + current[1:] for option in current[0].options]
        else:
            yield current[0].lower(), current[1:]
