"""Simulation: logs whose policies' true values are known, to see whether intervals hold what they promise.

Users are of two contexts, like their own share of everything they see, and come back; slates have three places, filled
independently. What an item earns depends on context, item and place.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from loadtest.replay.policy import Table

NUM_ITEMS = 12
SLATE_LENGTH = 3
CONTEXTS = ("day", "night")
USER_SPREAD = 0.08
MEAN_REQUESTS = 4.0


@dataclass(frozen=True)
class World:
    """reward: [C, S, I] mean rewards; logging, target: [C, S, I] probabilities."""

    reward: np.ndarray
    logging: np.ndarray
    target: np.ndarray

    @property
    def target_value(self) -> float:
        """True mean reward of an exposure under the target."""
        return float((self.target * self.reward).sum(2).mean())

    @property
    def logging_value(self) -> float:
        """True mean reward of an exposure under the logging policy."""
        return float((self.logging * self.reward).sum(2).mean())

    @property
    def target_ranked_value(self) -> float:
        """True sum of reward / position of a request under the target."""
        return float(((self.target * self.reward).sum(2) / np.arange(1, SLATE_LENGTH + 1)).sum(1).mean())

    def policy(self) -> Table:
        """The target as a policy."""
        return Table(policy_rows(self.target), "target")


def world(seed: int, *, distance: float = 0.5, support: bool = True) -> World:
    """A world drawn from a seed. distance: how far target and logging policy are apart; support: False hides from the
    log half of the items, which the target prefers."""
    generator = np.random.default_rng([seed, 1])
    shape = (len(CONTEXTS), SLATE_LENGTH, NUM_ITEMS)
    reward = 0.15 + 0.5 * generator.random(shape)
    taste = generator.normal(size=shape)
    logging, target = _softmax(0.5 * taste), _softmax(0.5 * taste + distance * generator.normal(size=shape))
    if not support:
        logging[..., NUM_ITEMS // 2 :] = 0
        target[..., : NUM_ITEMS // 2] *= 0.2
        logging /= logging.sum(2, keepdims=True)
        target /= target.sum(2, keepdims=True)
    return World(reward, logging, target)


def policy_rows(probabilities: np.ndarray) -> pl.DataFrame:
    """The rows of a policy file for probabilities [C, S, I]."""
    context, place, item = (part.ravel() for part in np.indices(probabilities.shape))
    return pl.DataFrame(
        {
            "context": np.array(CONTEXTS)[context],
            "position": place + 1,
            "item_id": [f"item-{number}" for number in item],
            "probability": probabilities.ravel(),
        }
    )


def simulate(
    made: World, seed: int, *, num_users: int = 600, arms: dict[str, float] | None = None, effect: float = 0.0
) -> pl.DataFrame:
    """A log of the logging policy. arms: shares of arms, "control" alone by default; effect: added to the mean reward
    of every arm but the first."""
    generator = np.random.default_rng([seed, 2])
    arms = arms or {"control": 1.0}
    context = generator.integers(0, len(CONTEXTS), num_users)
    liking = generator.uniform(-USER_SPREAD, USER_SPREAD, num_users)
    arm = generator.choice(len(arms), num_users, p=list(arms.values()))
    requests = generator.geometric(1 / MEAN_REQUESTS, num_users)
    # Users come back: requests of all users are mixed.
    user = generator.permutation(np.repeat(np.arange(num_users), requests))
    user = np.repeat(user, SLATE_LENGTH)
    request, place = np.divmod(np.arange(len(user)), SLATE_LENGTH)
    cumulative = np.cumsum(made.logging, axis=2)[context[user], place]
    # The last cell of a cumulative sum may be just under 1.
    item = (generator.random((len(user), 1)) * cumulative[:, -1:] > cumulative).sum(1)
    mean = made.reward[context[user], place, item] + liking[user] + effect * (arm[user] > 0)
    return pl.DataFrame(
        {
            "request_id": pl.Series(request).cast(pl.String),
            "user_id": pl.Series(user).cast(pl.String),
            "time_s": 1.7e9 + request.astype(np.float64),
            "arm": pl.Series(np.array(list(arms))[arm[user]]),
            "release": pl.repeat("simulated", len(user), eager=True),
            "position": place + 1,
            "item_id": "item-" + pl.Series(item).cast(pl.String),
            "propensity": made.logging[context[user], place, item],
            "reward": (generator.random(len(user)) < mean).astype(np.float64),
            "candidates": np.full(len(user), NUM_ITEMS),
            "context": pl.Series(np.array(CONTEXTS)[context[user]]),
        }
    )


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(2, keepdims=True))
    return raised / raised.sum(2, keepdims=True)
