"""Estimators: the value of a policy as a ratio of two sums over the log, so that one pass and few numbers suffice.

w is the importance weight: probability under the policy over propensity. The value is the mean reward of an exposure,
or of a request where the name begins with slate.
"""

from typing import NamedTuple

import numpy as np

from loadtest.replay.exposures import Exposures

DEFAULT_CLIP = 10.0


class Estimator(NamedTuple):
    """numerator, denominator: names of the terms that are summed; baseline: those of the plain mean to compare with."""

    numerator: str
    denominator: str
    baseline: tuple[str, str]
    source: str


PER_EXPOSURE, PER_REQUEST = ("reward", "rows"), ("reward", "requests")
ESTIMATORS = {
    "mean": Estimator("reward", "rows", PER_EXPOSURE, "mean reward of an arm's own exposures"),
    "replay": Estimator("matched_reward", "matched", PER_EXPOSURE, "Li et al. 2011; right only after uniform logging"),
    "ips": Estimator("w_reward", "rows", PER_EXPOSURE, "Horvitz and Thompson 1952; unbiased, widest"),
    "snips": Estimator("w_reward", "w", PER_EXPOSURE, "Swaminathan and Joachims 2015: ips over the mean weight"),
    "clipped_ips": Estimator("clipped_reward", "rows", PER_EXPOSURE, "Bottou et al. 2013: weights cut off, biased low"),
    "dm": Estimator("expected", "rows", PER_EXPOSURE, "the reward model alone; as biased as the model"),
    "dr": Estimator("doubly_robust", "rows", PER_EXPOSURE, "Dudik et al. 2011, cross-fitted; unbiased"),
    "slate_mean": Estimator("reward", "requests", PER_REQUEST, "mean reward of an arm's own requests"),
    "slate_ips": Estimator("product_reward", "requests", PER_REQUEST, "product of a slate's weights; unbiased, widest"),
    "slate_iips": Estimator("w_reward", "requests", PER_REQUEST, "Li et al. 2018: a place depends on its own item"),
    "slate_rips": Estimator("cascade_reward", "requests", PER_REQUEST, "McInerney et al. 2020: and on those above it"),
    "slate_pi": Estimator("additive_reward", "requests", PER_REQUEST, "Swaminathan et al. 2017, places independent"),
    "slate_reciprocal_rank": Estimator(
        "w_ranked_reward", "requests", ("ranked_reward", "requests"), "slate_iips of reward / position"
    ),
}
ON_POLICY = ("mean", "slate_mean")


def row_terms(
    exposures: Exposures, probability: np.ndarray, expected: np.ndarray | None, guess: np.ndarray | None, clip: float
) -> dict[str, np.ndarray]:
    """The terms [N] of every row.

    probability: under the policy; expected, guess: of the reward model for the policy's items and for the logged one,
    None where there is none - then the terms of dm and dr are missing.
    """
    reward = exposures.reward
    weight = probability / exposures.propensity
    terms = {
        "rows": np.ones(len(exposures)),
        "reward": reward,
        "ranked_reward": reward / exposures.position,
        "matched": probability,
        "matched_reward": probability * reward,
        "w": weight,
        "w_squared": weight**2,
        "w_reward": weight * reward,
        "w_ranked_reward": weight * reward / exposures.position,
        "clipped_reward": np.minimum(weight, clip) * reward,
    }
    if expected is not None and guess is not None:
        terms |= {"expected": expected, "doubly_robust": expected + weight * (reward - guess)}
    return terms


def request_terms(exposures: Exposures, weight: np.ndarray) -> dict[str, np.ndarray]:
    """The terms [R] of every request; weight: [N] of its rows.

    slate_pi takes the form that its pseudo-inverse has where the places of a slate were filled independently.
    """
    starts, reward = exposures.request_starts, exposures.reward
    if not len(starts):
        return dict.fromkeys(("requests", "product_reward", "cascade_reward", "additive_reward"), np.empty(0))
    total = np.add.reduceat(reward, starts)
    return {
        "requests": np.ones(len(starts)),
        "product_reward": np.multiply.reduceat(weight, starts) * total,
        "cascade_reward": np.add.reduceat(_running_product(weight, starts) * reward, starts),
        "additive_reward": (1 + np.add.reduceat(weight - 1, starts)) * total,
    }


def _running_product(weight: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """[N]: the product of the weights of a request up to every row."""
    place = np.arange(len(weight)) - np.repeat(starts, np.diff(np.append(starts, len(weight))))
    product = weight.copy()
    for depth in range(1, int(place.max()) + 1):
        rows = np.flatnonzero(place == depth)
        product[rows] *= product[rows - 1]
    return product
