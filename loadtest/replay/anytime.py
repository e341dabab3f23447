"""Anytime-valid intervals: right at every look at a growing log, so that it may be watched until it is clear.

EmpiricalBernstein holds for every sample size (Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro, "Anytime-valid
off-policy inference for contextual bandits", 2022): weights need no bound. It is about the mean of the expected rewards
of the exposures in the log. clustered_sequence is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas, "Time-uniform central limit theory", 2021, on the variance between users: narrower, for many users.
"""

import math

import numpy as np

from loadtest.replay.intervals import LEVEL, Fraction, Interval

# The largest bet: closer to 1 it wins more from rare large weights and loses more on noise.
MAX_BET = 0.5
# The asymptotic sequence is narrowest around so many users.
TUNED_FOR_USERS = 2_000


class EmpiricalBernstein:
    """Bounds on the value of a policy, updated in the order of the log; constant memory.

    Deviates: the upper bound is 1 minus the lower bound of w * (1 - reward), so it needs full support.
    """

    def __init__(self, max_reward: float = 1.0) -> None:
        self._max_reward = max_reward
        self._lower, self._lower_of_rest = LowerSequence(), LowerSequence()

    def add(self, weight: np.ndarray, reward: np.ndarray) -> None:
        """Add exposures [N]: importance weights and rewards."""
        share = reward / self._max_reward
        self._lower.add(weight * share)
        self._lower_of_rest.add(weight * (1 - share))

    def interval(self) -> Interval:
        """The bet-weighted mean between its bounds; 0 to the largest reward before the first exposure."""
        low, high = self._lower.bound(), 1 - self._lower_of_rest.bound()
        value = min(max(self._lower.mean(), low), high)
        return Interval(value * self._max_reward, low * self._max_reward, high * self._max_reward)


class LowerSequence:
    """Lower bounds on the mean, in [0, 1], of variables that are at least 0 and have no upper bound."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = 0.0
        self._bets = self._won = self._lost = 0.0

    def add(self, values: np.ndarray) -> None:
        """Add variables [N] in their order. What is bet on one is known before it."""
        if not len(values):
            return
        log_inverse = math.log(2 / (1 - LEVEL))
        count = self._count + np.arange(1, len(values) + 1)
        before = self._sum + np.cumsum(values) - values
        # Half a success before the first variable; the mean is at most 1, whatever the weights.
        guess = np.minimum((0.5 + before) / count, 1.0)
        squares = self._squares + np.cumsum((values - guess) ** 2)
        variance = (0.25 + squares - (values - guess) ** 2) / count
        bet = np.minimum(np.sqrt(2 * log_inverse / (variance * count * np.log1p(count))), MAX_BET)
        self._bets += float(bet.sum())
        self._won += float((bet * values).sum())
        self._lost += float(((-np.log1p(-bet) - bet) * (values - guess) ** 2).sum())
        self._count = int(count[-1])
        self._sum += float(values.sum())
        self._squares = float(squares[-1])

    def mean(self) -> float:
        """The mean, each variable as heavy as the bet on it."""
        return self._won / self._bets if self._bets else 0.5

    def bound(self) -> float:
        """The lower bound, one-sided at half the error of the interval; at least 0."""
        if not self._bets:
            return 0.0
        log_inverse = math.log(2 / (1 - LEVEL))
        return min(max((self._won - self._lost - log_inverse) / self._bets, 0.0), 1.0)


def clustered_sequence(users: int, fraction: Fraction, less: Fraction | None = None) -> Interval:
    """The asymptotic sequence of a ratio of sums, or of the difference of two, after so many users in either."""
    influence = fraction.influence() - (less.influence() if less else 0.0)
    value = fraction.value() - (less.value() if less else 0.0)
    used = fraction.denominator != 0
    if less:
        used = used | (less.denominator != 0)
    groups = int(used.sum())
    if groups < 2 or not math.isfinite(value):
        return Interval(value, float("-inf"), float("inf"))
    error = math.sqrt(float((influence**2).sum()) * groups / (groups - 1))
    log_twice = -2 * math.log(1 - LEVEL)
    scaled = users * (log_twice + math.log(log_twice) + 1) / TUNED_FOR_USERS
    half = error * math.sqrt(2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / (1 - LEVEL)))
    return Interval(value, value - half, value + half)
