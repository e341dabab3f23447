"""Schedule: when every action of a run is due, drawn before the run starts and independent of the server."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Phase:
    """A stretch of a run at one rate of actions; counted: whether its requests are part of the result."""

    rate_per_s: float
    duration_s: float
    counted: bool = True

    def __post_init__(self) -> None:
        if not (self.rate_per_s > 0 and self.duration_s > 0):
            expected = "expected a rate and a duration above 0"
            raise ValueError(f"{expected}, got {self.rate_per_s}/s for {self.duration_s} s")


def arrivals(phases: Sequence[Phase], rng: np.random.Generator) -> np.ndarray:
    """float64, ascending seconds from the start: a Poisson process whose rate changes from phase to phase."""
    # Given their number, the points of a Poisson process are independent and uniform.
    start_s, times_s = 0.0, []
    for phase in phases:
        count = rng.poisson(phase.rate_per_s * phase.duration_s)
        times_s.append(start_s + np.sort(rng.uniform(0.0, phase.duration_s, count)))
        start_s += phase.duration_s
    return np.concatenate([np.empty(0), *times_s])


def uncounted_s(phases: Sequence[Phase]) -> float:
    """How long the run goes before anything counts."""
    total = 0.0
    for phase in phases:
        if phase.counted:
            break
        total += phase.duration_s
    return total


def duration_s(phases: Sequence[Phase]) -> float:
    """How long the whole run is."""
    return sum(phase.duration_s for phase in phases)
