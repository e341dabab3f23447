"""Grammar: labels of a region -> a sentence about it, in many wordings, a quarter of which training never sees."""

import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from model.face_description.labels import BANDS, CERTAINTIES, EMOTIONS, NOT_SHOWN, Labels
from model.face_description.regions import REGIONS, UNITS

HELD_BACK_EVERY = 4
BOX = "box"
"""The place of a box that is no named region."""
PLACES = (*REGIONS, BOX)
_WORD = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")


@cache
def wordings() -> dict[str, Any]:
    """wordings.toml."""
    return tomllib.loads(Path(__file__).with_name("wordings.toml").read_text())


def choices(wordings_of_slot: list[str], held_back: bool) -> list[str]:
    """The wordings of one part: those of training, or those that it never sees."""
    return [text for number, text in enumerate(wordings_of_slot) if (number % HELD_BACK_EVERY == 3) == held_back]


def band_phrases(band: int) -> list[str]:
    """Every way to say a band of age."""
    low, high = BANDS[band]
    kind = "first" if band == 0 else "last" if band == len(BANDS) - 1 else "between"
    return [text.format(low=low, high=high) for text in wordings()["bands"][kind]]


@dataclass(frozen=True, eq=False)
class Choice:
    """A place in a text where any of several scripts may stand."""

    options: tuple["Script", ...]


Script = tuple[str | Choice, ...]
"""Words and choices, one after the other: all texts that say the same."""


def script(labels: Labels, place: str, held_back: bool = False) -> Script:
    """Every text about what the labels say, in the wordings of training or in those held back from it.

    place: a name of REGIONS or BOX. Raises ValueError where the labels say nothing at all.
    """
    slots = wordings()["slots"]

    def any_of(texts: list[str], **parts: Script) -> Script:
        return (Choice(tuple(_filled(text, parts) for text in choices(texts, held_back))),)

    sentences = []
    if labels.units is not None:
        where = any_of(wordings()["places"][place])
        said = [
            any_of(wordings()["certainty"][labels.units[unit]]) + any_of(wordings()["units"][str(unit)])
            for unit in UNITS
            if unit in labels.units
        ]
        if said:
            sentences.append(any_of(slots["claim"], place=where, units=_listed(said)))
        else:
            sentences.append(any_of(slots["nothing"], place=where))
    if labels.emotion == NOT_SHOWN:
        sentences.append(any_of(slots["emotion_not_shown"]))
    elif labels.emotion is not None:
        sentences.append(any_of(slots["emotion"], emotion=any_of(wordings()["emotions"][labels.emotion])))
    if labels.age == NOT_SHOWN:
        sentences.append(any_of(slots["age_not_shown"]))
    elif isinstance(labels.age, int):
        sentences.append(any_of(slots["age"], band=any_of(band_phrases(labels.age))))
    if not sentences:
        raise ValueError("expected labels that say something, got none")
    return tuple(part for sentence in sentences for part in (*sentence, "."))


def describe(labels: Labels, place: str, rng: random.Random, held_back: bool = False) -> str:
    """One of the script's texts, drawn at random."""
    said, rest = [], script(labels, place, held_back)
    while rest:
        first, rest = rest[0], rest[1:]
        if isinstance(first, Choice):
            rest = rng.choice(first.options) + rest
        else:
            said.append(first)
    return " ".join(said)


def _filled(text: str, parts: Mapping[str, Script]) -> Script:
    """The words of a wording, its {parts} put in."""
    pieces = (parts[word[1:-1]] if word.startswith("{") else (word,) for word in text.split())
    return tuple(one for piece in pieces for one in piece)


def _listed(said: list[Script]) -> Script:
    """One , another and a third."""
    links = [(), *[(",",)] * (len(said) - 2), ("and",)][: len(said)]
    return tuple(one for link, unit in zip(links, said, strict=True) for one in (*link, *unit))


def words(text: str) -> list[str]:
    """A text as the lower-case words and signs that the decoder writes."""
    return _WORD.findall(text.lower())


def written(tokens: list[str]) -> str:
    """Words as a person reads them: signs without a space before them, sentences with a capital letter."""
    text = re.sub(r" ([.,:])", r"\1", " ".join(tokens))
    text = re.sub(r"\bau(\d+)", r"AU\1", text)
    return re.sub(r"(^|\. )([a-z])", lambda match: match[1] + match[2].upper(), text)


def vocabulary() -> list[str]:
    """Every word that training can see, in order."""
    found: set[str] = set()
    for text in _training_wordings():
        found |= set(words(re.sub(r"\{\w+\}", " ", text)))
    return sorted(found | {".", ",", "and"})


def _training_wordings() -> Iterator[str]:
    given = wordings()
    for group in ("slots", "certainty", "places", "units", "emotions"):
        for texts in given[group].values():
            yield from choices(texts, held_back=False)
    for band in range(len(BANDS)):
        yield from choices(band_phrases(band), held_back=False)


def _check() -> None:
    given = wordings()
    assert set(given["places"]) == set(PLACES)
    assert set(given["units"]) == {str(unit) for unit in UNITS}
    assert (set(given["emotions"]), set(given["certainty"])) == (set(EMOTIONS), set(CERTAINTIES))


_check()
