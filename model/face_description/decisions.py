"""Decisions: probabilities -> the labels that are said, under thresholds that validation chose."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from model.face_description.labels import ATTRIBUTES, EMOTIONS, NOT_SHOWN, Certainty, Labels, emotion_shown
from model.face_description.regions import FACE, UNITS

_GRID = np.linspace(0.05, 0.95, 91)
_SHIFTS = np.linspace(-2, 4, 121)


@dataclass(frozen=True, eq=False)
class Probabilities:
    """What was found in one box: claims [6], sight_of_age, emotion [7], age [10]."""

    claims: np.ndarray
    sight_of_age: float
    emotion: np.ndarray
    age: np.ndarray


def decide(
    found: Probabilities, thresholds: np.ndarray, region: str | None, attributes: Collection[str] = ATTRIBUTES
) -> Labels:
    """The labels to say of a box; region: its name, None for an arbitrary one.

    A claim is clear from half way between its threshold and certainty. Raises ValueError for no attribute at all.
    """
    if not set(attributes) or not set(attributes) <= set(ATTRIBUTES):
        raise ValueError(f"expected some of {ATTRIBUTES}, got {sorted(attributes)}")
    claimed = found.claims >= thresholds
    units: dict[int, Certainty] = {
        unit: "clear" if found.claims[number] >= (1 + thresholds[number]) / 2 else "faint"
        for number, unit in enumerate(UNITS)
        if claimed[number]
    }
    likeliest = EMOTIONS[int(found.emotion.argmax())]
    emotion = likeliest if emotion_shown(likeliest, units, region) else NOT_SHOWN
    shows_age = region == FACE or found.sight_of_age >= 0.5
    return Labels(
        units if "aus" in attributes else None,
        emotion if "emotion" in attributes else None,
        (int(found.age.argmax()) if shows_age else NOT_SHOWN) if "age" in attributes else None,
    )


def choose_thresholds(claims: np.ndarray, there: np.ndarray, max_false_claims: float) -> np.ndarray:
    """A threshold for each unit: of claims [n, 6] against what is there [n, 6], the pooled F1 as high as it can be.

    Each unit's own best threshold first, then one common shift of all logits so that no more than max_false_claims of
    the boxes with nothing in them get a claim; where no shift does, the one that comes nearest.
    """
    own = np.array([_best_threshold(claims[:, unit], there[:, unit]) for unit in range(there.shape[1])])
    logits = np.log(own / (1 - own))
    candidates = [1 / (1 + np.exp(-(logits + shift))) for shift in _SHIFTS]
    allowed = [one for one in candidates if false_claims(claims >= one, there) <= max_false_claims]
    if not allowed:
        return min(candidates, key=lambda one: false_claims(claims >= one, there))
    return max(allowed, key=lambda one: pooled_f1(claims >= one, there))


def pooled_f1(claimed: np.ndarray, there: np.ndarray) -> float:
    """F1 over all boxes and units at once; 0 where nothing is claimed and nothing there."""
    both = float((claimed & there).sum())
    either = float(claimed.sum() + there.sum())
    return 2 * both / either if either else 0.0


def false_claims(claimed: np.ndarray, there: np.ndarray) -> float:
    """Of the boxes with no unit in them, the share of which some unit is claimed; 0 without such a box."""
    empty = ~there.any(1)
    return float(claimed[empty].any(1).mean()) if empty.any() else 0.0


def _best_threshold(claims: np.ndarray, there: np.ndarray) -> float:
    scores = [pooled_f1(claims[:, None] >= one, there[:, None]) for one in _GRID]
    return float(_GRID[int(np.argmax(scores))])


def unit_matrix(units: Sequence[Collection[int]]) -> np.ndarray:
    """Sets of units as bool [n, 6]."""
    return np.array([[unit in one for unit in UNITS] for one in units], dtype=bool).reshape(-1, len(UNITS))
