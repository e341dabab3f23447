"""Told labels: how labels are put before the decoder, one code a slot - the place, six units, the emotion, the age."""

from collections.abc import Collection, Sequence

from model.face_description.grammar import PLACES
from model.face_description.labels import BANDS, CERTAINTIES, EMOTIONS, NOT_SHOWN, Labels
from model.face_description.regions import UNITS

WITHHELD, NOT_ASKED, MISSING = 0, 1, 2
"""To be read off the pixels; to be left out of the text; not there, or not shown by the region."""
STATES = (
    len(PLACES),
    *(MISSING + 1 + len(CERTAINTIES) for _ in UNITS),
    MISSING + 1 + len(EMOTIONS),
    MISSING + 1 + len(BANDS),
)
"""How many codes each slot has."""
SLOTS = len(STATES)


def told(labels: Labels, place: str, withheld: Collection[str] = ()) -> list[int]:
    """The codes of labels, one for each slot; withheld: attributes that are asked for and whose labels are not told."""
    if labels.units is None:
        units = [NOT_ASKED] * len(UNITS)
    elif "aus" in withheld:
        units = [WITHHELD] * len(UNITS)
    else:
        units = [_unit(labels, unit) for unit in UNITS]
    emotion = _code(labels.emotion, EMOTIONS, "emotion" in withheld)
    age = _code(labels.age, range(len(BANDS)), "age" in withheld)
    return [PLACES.index(place), *units, emotion, age]


def _unit(labels: Labels, unit: int) -> int:
    assert labels.units is not None
    if unit not in labels.units:
        return MISSING
    return MISSING + 1 + CERTAINTIES.index(labels.units[unit])


def _code(label: object, values: Sequence[object], withheld: bool) -> int:
    if label is None:
        return NOT_ASKED
    if withheld:
        return WITHHELD
    return MISSING if label == NOT_SHOWN else MISSING + 1 + values.index(label)
