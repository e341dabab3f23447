"""Assignment: users per arm, and whether the arms got the shares that they were meant to get."""

from typing import NamedTuple

import numpy as np

from loadtest.replay.exposures import Exposures

# Below this the arms are not comparable, and no figure is worth a verdict (Fabijan et al., KDD 2019).
MISMATCH_P = 0.0005
SHARE_TOLERANCE = 1e-9


class RatioTest(NamedTuple):
    """Users per arm, the shares that were meant, and the p-value of the chi-square test of the two."""

    users: dict[str, int]
    expected_shares: dict[str, float]
    p_value: float

    @property
    def mismatch(self) -> bool:
        return self.p_value < MISMATCH_P


class Assignment:
    """Counts the distinct users of every arm exactly: 8 bytes for each user of an arm."""

    def __init__(self) -> None:
        self._users: dict[str, np.ndarray] = {}

    def add(self, exposures: Exposures) -> None:
        """Add exposures of any arms."""
        arms = exposures.coded("arm")
        for code, arm in enumerate(arms.words):
            users = np.unique(exposures.user_hash[arms.codes == code])
            self._users[arm] = np.union1d(self._users[arm], users) if arm in self._users else users

    def users(self) -> dict[str, int]:
        """Arm -> distinct users, the arms in the order of their names."""
        return {arm: len(self._users[arm]) for arm in sorted(self._users)}

    def num_users(self) -> int:
        """Distinct users of all arms."""
        return len(self._all())

    def crossed(self) -> int:
        """Users who were seen in more than one arm."""
        return sum(self.users().values()) - len(self._all())

    def ratio_test(self, shares: dict[str, float]) -> RatioTest:
        """Sample-ratio mismatch against the meant shares. Raises ValueError unless they name every arm and sum to 1."""
        # Imported here: nothing else of the package needs it.
        from scipy.stats import chisquare

        users = self.users()
        if set(users) - set(shares) or abs(sum(shares.values()) - 1) > SHARE_TOLERANCE or min(shares.values()) <= 0:
            raise ValueError(f"expected positive shares of the arms {sorted(users)} that sum to 1, got {shares}")
        users = {arm: users.get(arm, 0) for arm in sorted(shares)}
        number = sum(users.values())
        if len(users) < 2 or not number:
            return RatioTest(users, shares, 1.0)
        test = chisquare(list(users.values()), [number * shares[arm] for arm in users])
        return RatioTest(users, shares, float(test.pvalue))

    def _all(self) -> np.ndarray:
        return np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *self._users.values()]))
