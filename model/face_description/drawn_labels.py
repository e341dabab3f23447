"""Drawn labels: what could be said of a region of no face in particular, for the decoder to learn to say it."""

import random
from collections.abc import Collection

from model.face_description.labels import BANDS, CERTAINTIES, EMOTIONS, NOT_SHOWN, Labels
from model.face_description.regions import UNITS


def drawn_labels(units: Collection[int], rng: random.Random) -> Labels:
    """Any emotion and age, and any of the units that the region can show."""
    share = rng.random()
    drawn = {unit: rng.choice(CERTAINTIES) for unit in UNITS if unit in units and rng.random() < share}
    return Labels(drawn, rng.choice((NOT_SHOWN, *EMOTIONS)), rng.choice((NOT_SHOWN, *range(len(BANDS)))))


def asked_of(labels: Labels, rng: random.Random) -> Labels:
    """All attributes half of the time, else some of them."""
    while rng.random() < 0.5:
        kept = Labels(
            labels.units if rng.random() < 0.7 else None,
            labels.emotion if rng.random() < 0.7 else None,
            labels.age if rng.random() < 0.7 else None,
        )
        if kept != Labels(None):
            return kept
    return labels
