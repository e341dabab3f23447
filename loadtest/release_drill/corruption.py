"""Corruption: a way to break a release, and how it is told."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Break = Callable[[Path, random.Random], Path | None]
"""Break a release directory in place; where it, or what takes its place, then is, if that is not where it was."""


@dataclass(frozen=True)
class Corruption:
    """reasons: any of them tells it. signed: told where a publisher's signature is expected, else to anybody."""

    damage: Break
    reasons: frozenset[str]
    signed: bool = False
