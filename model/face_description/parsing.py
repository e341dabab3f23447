"""Parsing: a description -> the labels that it states, whatever its wording."""

import re
from functools import cache

from model.face_description.grammar import band_phrases, wordings, words
from model.face_description.labels import BANDS, CERTAINTIES, NOT_SHOWN, Certainty, Labels
from model.face_description.regions import UNITS


def parse(text: str) -> Labels:
    """The labels that a text states; the first of several emotions or bands counts.

    units is None where the text speaks of no movement at all, neither seen nor missing.
    """
    plain = " ".join(words(text))
    units: dict[int, Certainty] = {}
    for match in _units_pattern().finditer(plain):
        units.setdefault(_unit_of()[match["unit"]], _certainty_of().get(match["certainty"] or "", "faint"))
    speaks = bool(units) or _nothing_pattern().search(plain) is not None
    emotion, age = _emotions_pattern().search(plain), _bands_pattern().search(plain)
    return Labels(
        units={unit: units[unit] for unit in UNITS if unit in units} if speaks else None,
        emotion=_emotion_of()[emotion[0]] if emotion else _missing(plain, "emotion_not_shown"),
        age=_band_of()[age[0]] if age else _missing(plain, "age_not_shown"),
    )


def _missing(plain: str, slot: str) -> str | None:
    """NOT_SHOWN where the text says that a region does not tell."""
    return NOT_SHOWN if any(_normal(text) in plain for text in wordings()["slots"][slot]) else None


def _normal(text: str) -> str:
    return " ".join(words(text))


def _any_of(phrases: list[str]) -> str:
    """A pattern of any phrase, the longest first, so that no phrase hides behind a part of itself."""
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


@cache
def _unit_of() -> dict[str, int]:
    return {_normal(text): unit for unit in UNITS for text in wordings()["units"][str(unit)]}


@cache
def _certainty_of() -> dict[str, Certainty]:
    return {_normal(text): name for name in CERTAINTIES for text in wordings()["certainty"][name]}


@cache
def _emotion_of() -> dict[str, str]:
    return {_normal(text): name for name, texts in wordings()["emotions"].items() for text in texts}


@cache
def _band_of() -> dict[str, int]:
    return {_normal(text): band for band in range(len(BANDS)) for text in band_phrases(band)}


@cache
def _units_pattern() -> re.Pattern[str]:
    certainties, units = _any_of(list(_certainty_of())), _any_of(list(_unit_of()))
    return re.compile(rf"(?:\b(?P<certainty>{certainties}) )?\b(?P<unit>{units})\b")


@cache
def _emotions_pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_any_of(list(_emotion_of()))})\b")


@cache
def _bands_pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_any_of(list(_band_of()))})\b")


@cache
def _nothing_pattern() -> re.Pattern[str]:
    """A sentence about a place with nothing in it; the place may be any."""
    places = _any_of([_normal(text) for texts in wordings()["places"].values() for text in texts])
    sentences = [
        re.escape(_normal(text.replace("{place}", " PLACE "))).replace("place", f"(?:{places})")
        for text in wordings()["slots"]["nothing"]
    ]
    return re.compile("|".join(sentences))
