"""Sums: terms added up per group of users, of which every estimate, interval and guardrail is made."""

import numpy as np

from loadtest.replay.exposures import NUM_GROUPS


class Sums:
    """[G] totals by name; a name that was never added is not there."""

    def __init__(self) -> None:
        self._totals: dict[str, np.ndarray] = {}

    def add(self, terms: dict[str, np.ndarray], group: np.ndarray) -> None:
        """Add terms [N] to the groups [N] of their users."""
        for name, values in terms.items():
            total = np.bincount(group, weights=values, minlength=NUM_GROUPS)
            self._totals[name] = self._totals[name] + total if name in self._totals else total

    def __contains__(self, name: object) -> bool:
        return name in self._totals

    def __getitem__(self, name: str) -> np.ndarray:
        return self._totals[name]

    def arrays(self) -> list[np.ndarray]:
        """[G] each: all totals."""
        return list(self._totals.values())

    def total(self, name: str) -> float:
        """The sum over all groups, 0 for a name that was never added."""
        return float(self._totals[name].sum()) if name in self._totals else 0.0


def ratio(numerator: float, denominator: float) -> float:
    """NaN where the denominator is 0."""
    return numerator / denominator if denominator else float("nan")
