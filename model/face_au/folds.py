"""Folds: parts of a set to train, choose and test on, without a person in two of them."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from model.face_au.frames import Frames

NUM_FOLDS = 3


@dataclass(frozen=True, eq=False)
class Parts:
    """train: what weights are fitted to; validation: what epochs and thresholds are chosen on; test: read once.

    Raises ValueError where a person is in two of them.
    """

    train: Frames
    validation: Frames
    test: Frames

    def __post_init__(self) -> None:
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        owners: dict[str, str] = {}
        for name, frames in named.items():
            if not len(frames):
                raise ValueError(f"expected frames in the {name} part, got none")
            for person in set(frames.people):
                if person in owners:
                    raise ValueError(f"expected {person} in one part, got it in {owners[person]} and {name}")
                owners[person] = name


def place_of(person: str) -> float:
    """A number in 0..1 that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") / 2**32


def drawn_parts(frames: Frames, validation_share: float = 0.15, test_share: float = 0.15) -> Parts:
    """Parts drawn by the people's names, the same ones wherever it is asked."""
    places = np.array([place_of(person) for person in frames.people])
    first, second = 1 - validation_share - test_share, 1 - test_share
    chosen = (places < first, (places >= first) & (places < second), places >= second)
    return Parts(*(frames.take(np.flatnonzero(part)) for part in chosen))


def fold_parts(
    frames: Frames, folds: Sequence[Collection[str]], test_fold: int, validation_share: float = 0.15
) -> Parts:
    """One of the three rounds: a fold is tested, of the people of the others some are kept for validation.

    Raises ValueError for a person in two folds, people without a fold, and a fold that is not there.
    """
    if not 0 <= test_fold < len(folds):
        raise ValueError(f"expected a fold of 0 to {len(folds) - 1}, got {test_fold}")
    fold_of: dict[str, int] = {}
    for number, people in enumerate(folds):
        for person in people:
            if fold_of.setdefault(person, number) != number:
                raise ValueError(f"expected {person} in one fold, got it in {fold_of[person]} and {number}")
    stray = sorted(set(frames.people) - set(fold_of))
    if stray:
        raise ValueError(f"expected everybody in a fold, got {stray[:5]} in none")
    tested = np.array([fold_of[person] == test_fold for person in frames.people])
    others = sorted({person for person in frames.people if fold_of[person] != test_fold}, key=place_of)
    kept = set(others[: max(1, round(len(others) * validation_share))])
    held = np.array([person in kept for person in frames.people])
    return Parts(*(frames.take(np.flatnonzero(part)) for part in (~tested & ~held, held, tested)))


def drawn_folds(people: Collection[str]) -> list[list[str]]:
    """Three folds of nearly the same size, by the people's names."""
    ordered = sorted(set(people), key=place_of)
    return [ordered[number::NUM_FOLDS] for number in range(NUM_FOLDS)]
